"""Writes the fixtures of this folder: small tokenizers with real splitting rules, and the ids that
the reference libraries give for every line of the corpus.

    python make.py MODEL.gguf

needs `pip install tokenizers==0.23.3 sentencepiece==0.2.3 tiktoken==0.14.0 gguf==0.19.0`, and the
default model's file. Training is deterministic. Byte-level vocabularies are used with each family's
own pattern; where one pattern is the whole rule, tiktoken must give the same ids as tokenizers. The SentencePiece vocabulary is trained as Llama 2's was; the ids are those of the
sentencepiece library, and transformers' conversion of it to a `tokenizer.json` must agree.
"""

import io
import json
import sys
from pathlib import Path

import gguf
import sentencepiece
import tiktoken
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from corpus import lines

HERE = Path(__file__).parent
VOCABULARY = 1600

GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN_3_5 = QWEN_2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]+[", r"[^\s\p{L}\p{M}\p{N}]+[")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT_4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_3 = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ADDED = ["<tool_call>", "</tool_call>"]

# Cuts so little that the vocabulary has tokens across the edges of words, digits and lines: only
# the family's own rule keeps them from being used.
LOOSE = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(r"[^\p{L}]{0,3}\p{L}+[^\p{L}]{0,2}|[^\p{L}]{1,6}"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)

# Name: steps before the byte-level alphabet, whether whole words are kept, whether BOS is added.
FAMILIES = {
    "gpt-2": ([pre_tokenizers.Split(Regex(GPT_2), "isolated")], False, False),
    "smollm": ([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Split(Regex(GPT_2), "isolated")], False, False),
    "llama-bpe": ([pre_tokenizers.Split(Regex(LLAMA_3), "isolated")], True, True),
    "qwen2": ([pre_tokenizers.Split(Regex(QWEN_2), "isolated")], False, False),
    "qwen35": ([pre_tokenizers.Split(Regex(QWEN_3_5), "isolated")], False, False),
    "tekken": ([pre_tokenizers.Split(Regex(TEKKEN), "isolated")], True, True),
    "gpt-4o": ([pre_tokenizers.Split(Regex(GPT_4O), "isolated")], False, False),
    "deepseek-v3": ([pre_tokenizers.Split(Regex(p), "isolated") for p in DEEPSEEK_3], False, False),
}
TIKTOKEN = {"gpt-2": GPT_2, "llama-bpe": LLAMA_3, "qwen2": QWEN_2, "qwen35": QWEN_3_5, "tekken": TEKKEN, "gpt-4o": GPT_4O}


def fnv(ids):
    value = 0x811C9DC5
    for id in ids:
        for byte in int(id).to_bytes(4, "little"):
            value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{value:08x}"


def write_ids(name, encoded):
    (HERE / f"{name}.ids").write_text("\n".join(fnv(ids) for ids in encoded) + "\n")


def bos_template(token, id):
    return processors.TemplateProcessing(single=f"{token} $A", pair=f"{token} $A $B", special_tokens=[(token, id)])


def byte_level(name, corpus, training):
    steps, whole_words, bos = FAMILIES[name]
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole_words))
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.pre_tokenizer = LOOSE
    tokenizer.train_from_iterator(training, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in ADDED])
    byte_level = processors.ByteLevel(trim_offsets=False)
    tokenizer.post_processor = (
        processors.Sequence([byte_level, bos_template(SPECIAL[0], tokenizer.token_to_id(SPECIAL[0]))]) if bos else byte_level
    )
    encoded = [tokenizer.encode(line).ids for line in corpus]
    if name in TIKTOKEN:
        check_tiktoken(name, tokenizer, corpus, encoded, bos)
    save(name, tokenizer)
    write_ids(name, encoded)


def check_tiktoken(name, tokenizer, corpus, encoded, bos):
    alphabet = {c: b for b, c in bytes_to_unicode().items()}
    named = SPECIAL + ADDED
    ranks = {
        bytes(alphabet[c] for c in text): id
        for text, id in tokenizer.get_vocab(with_added_tokens=True).items()
        if text not in named
    }
    special = {text: tokenizer.token_to_id(text) for text in named}
    other = tiktoken.Encoding(name, pat_str=TIKTOKEN[name], mergeable_ranks=ranks, special_tokens=special)
    begin = [special[SPECIAL[0]]] if bos else []
    for line, ids in zip(corpus, encoded):
        assert begin + other.encode(line, allowed_special="all") == ids, (name, line)


def bytes_to_unicode():
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printing]
    return {b: chr(b) for b in printing} | {b: chr(256 + i) for i, b in enumerate(rest)}


def save(name, tokenizer):
    text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n")


def sentence_piece(corpus, training):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training), model_writer=model, model_type="bpe", vocab_size=VOCABULARY + 600,
        byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.995,
        normalization_rule_name="identity", remove_extra_whitespaces=False, max_sentence_length=100_000,
        num_threads=1, minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    proto = model_pb2.ModelProto.FromString(model.getvalue())
    pieces = [[p.piece, p.score, p.type] for p in proto.pieces]
    (HERE / "sentencepiece.pieces.json").write_text(
        "[\n" + ",\n".join(json.dumps(p, ensure_ascii=False) for p in pieces) + "\n]\n"
    )
    encoded = [[processor.bos_id()] + processor.encode(line) for line in corpus]
    write_ids("sentencepiece", encoded)
    proto.normalizer_spec.add_dummy_prefix = False  # as Gemma's
    bare = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    write_ids("sentencepiece.bare", [bare.encode(line) for line in corpus])
    prefixed = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    convert("llama-2", pieces, corpus, encoded, prefixed, None)
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    convert("mistral", pieces, corpus, encoded, None, metaspace)


def convert(name, pieces, corpus, encoded, normalizer, pre_tokenizer):
    vocab = {piece: id for id, (piece, _, _) in enumerate(pieces)}
    normal = {piece: score for piece, score, kind in pieces if kind == 1}
    merges = [
        (score, piece[:i], piece[i:])
        for piece, score in normal.items()
        for i in range(1, len(piece))
        if piece[:i] in normal and piece[i:] in normal
    ]
    merges.sort(key=lambda m: (-m[0], -len(m[1]), m[1]))
    tokenizer = Tokenizer(
        models.BPE(vocab=vocab, merges=[(l, r) for _, l, r in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ["<unk>", "<s>", "</s>"]])
    tokenizer.post_processor = bos_template("<s>", 1)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    own = [tokenizer.encode(line).ids for line in corpus]
    different = [line for line, a, b in zip(corpus, own, encoded) if a != b]
    print(name, "differs from sentencepiece in", len(different), "lines", different[:5])
    save(name, tokenizer)
    write_ids(name, own)


def smollm2(path, corpus):
    fields = gguf.GGUFReader(path).fields
    texts = lambda key: [bytes(fields[key].parts[i]).decode() for i in fields[key].data]
    tokens, merges = texts("tokenizer.ggml.tokens"), texts("tokenizer.ggml.merges")
    types = [int(fields["tokenizer.ggml.token_type"].parts[i][0]) for i in fields["tokenizer.ggml.token_type"].data]
    vocab = {text: id for id, text in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m.split(" ")) for m in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    special = [AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, types) if kind == 3]
    tokenizer.add_special_tokens(special)
    write_ids("smollm2", [tokenizer.encode(line).ids for line in corpus])


def main():
    corpus = lines(seed=1, count=2000)
    training = [line for line in lines(seed=2, count=6000) if "\0" not in line]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in corpus)
    (HERE / "corpus.jsonl").write_text(text)
    for name in FAMILIES:
        byte_level(name, corpus, training)
    sentence_piece(corpus, training)
    smollm2(sys.argv[1], corpus)


main()
