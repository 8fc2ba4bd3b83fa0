//! What was said.

use std::collections::VecDeque;

use stream_engine::core::Message;

/// A question and its answer.
#[derive(Debug)]
struct Turn {
    question: String,
    answer: String,
}

/// The turns until now, and a question that has no answer yet.
#[derive(Debug)]
pub(super) struct Conversation {
    system: Option<String>,
    turns: VecDeque<Turn>,
    open: Option<String>,
}

impl Conversation {
    pub(super) fn new(system: Option<String>) -> Self {
        Self {
            system,
            turns: VecDeque::new(),
            open: None,
        }
    }

    /// Replaces the system message; `None` is the model's own default.
    pub(super) fn set_system(&mut self, system: Option<String>) {
        self.system = system;
    }

    /// Forgets every turn.
    pub(super) fn reset(&mut self) {
        self.turns.clear();
    }

    /// Opens a turn.
    pub(super) fn ask(&mut self, question: String) {
        self.open = Some(question);
    }

    /// Takes the open question back.
    pub(super) fn withdraw(&mut self) {
        self.open = None;
    }

    /// Closes the open turn. A reply that was interrupted before its first word leaves nothing
    /// to remember.
    pub(super) fn answer(&mut self, answer: String) {
        if let Some(question) = self.open.take()
            && !answer.is_empty()
        {
            self.turns.push_back(Turn { question, answer });
        }
    }

    /// Forgets the oldest closed turn, and says whether there was one.
    pub(super) fn forget_oldest(&mut self) -> bool {
        self.turns.pop_front().is_some()
    }

    /// Everything, as the model is given it.
    pub(super) fn messages(&self) -> Vec<Message> {
        let system = self.system.iter().map(Message::system);
        let turns = self.turns.iter().flat_map(|turn| {
            [
                Message::user(&turn.question),
                Message::assistant(&turn.answer),
            ]
        });
        let open = self.open.iter().map(Message::user);
        system.chain(turns).chain(open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(conversation: &Conversation) -> String {
        let messages = conversation.messages();
        let texts = messages
            .iter()
            .map(|m| format!("{}:{}", m.role.as_str(), m.content));
        texts.collect::<Vec<_>>().join(" ")
    }

    fn two_turns() -> Conversation {
        let mut conversation = Conversation::new(Some("s".into()));
        for (question, answer) in [("q1", "a1"), ("q2", "a2")] {
            conversation.ask(question.into());
            conversation.answer(answer.into());
        }
        conversation.ask("q3".into());
        conversation
    }

    #[test]
    fn turns_are_kept_in_order() {
        let conversation = two_turns();
        assert_eq!(
            shown(&conversation),
            "system:s user:q1 assistant:a1 user:q2 assistant:a2 user:q3"
        );
    }

    #[test]
    fn the_oldest_turn_is_forgotten_first_and_the_question_never() {
        let mut conversation = two_turns();
        assert!(conversation.forget_oldest());
        assert_eq!(
            shown(&conversation),
            "system:s user:q2 assistant:a2 user:q3"
        );
        assert!(conversation.forget_oldest());
        assert!(!conversation.forget_oldest());
        assert_eq!(shown(&conversation), "system:s user:q3");
    }

    #[test]
    fn what_got_no_answer_is_not_kept() {
        let mut conversation = Conversation::new(None);
        conversation.ask("q".into());
        conversation.withdraw();
        conversation.ask("r".into());
        conversation.answer(String::new());
        assert_eq!(shown(&conversation), "");
    }

    #[test]
    fn a_reset_keeps_the_system_message() {
        let mut conversation = two_turns();
        conversation.withdraw();
        conversation.reset();
        assert_eq!(shown(&conversation), "system:s");
        conversation.set_system(None);
        assert_eq!(shown(&conversation), "");
    }
}
