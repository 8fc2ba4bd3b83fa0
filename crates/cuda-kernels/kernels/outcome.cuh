// What sampling gives back for a task.
#pragma once

struct Outcome {
    // -1: no logit is finite, or one is plus infinity.
    int id;
    int nan_logits;
};
