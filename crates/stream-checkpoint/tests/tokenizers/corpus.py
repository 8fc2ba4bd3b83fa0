"""The corpus: 2,000 lines of our own, the same on every run.

Prose in many scripts, code, numbers, emoji, odd white space, and what mixes them. A line may hold
line feeds; it is stored as one JSON string.
"""

import random

WORDS = {
    "english": "river stone lantern quiet morning engine travels between harbours while nobody counts the "
    "letters Winter isn't coming we'll see they've gone I'd rather not She'S HE'LL don't it's o'clock "
    "unbelievable reconstruct Internationalisation tokens streaming a of to in and".split(),
    "german": "Straße Übermut größer Äpfel Donaudampfschiff weiß nächste Häuser und nicht übrigens".split(),
    "french": "déjà élève naïve l'été aujourd'hui où garçon cœur Noël ça être".split(),
    "polish": "zażółć gęślą jaźń łódź świeżo źdźbło mąż".split(),
    "turkish": "İstanbul ığdır çağrı şeker öğrenci'ye gürültü".split(),
    "vietnamese": "tiếng Việt đường phố những người được không".split(),
    "russian": "привет река фонарь Тихое утро двигатель не считает буквы ёлка объект".split(),
    "greek": "ποτάμι πέτρα φανάρι ήσυχο Πρωί μηχανή λέξεις".split(),
    "chinese": "河流 石头 灯笼 安静的早晨 引擎 在港口之间 没有人 数字母 词元 流式输出 臺灣 龜 㐀 𠀀".split(),
    "japanese": "川 石 ランタン 静かな朝 エンジン ひらがな カタカナ ｶﾀｶﾅ です ます 一二三".split(),
    "korean": "강 돌 등불 조용한 아침 엔진 한국어 ㅋㅋㅋ 토큰".split(),
    "arabic": "نهر حجر فانوس صباح هادئ محرك اللغة العربية لا أحد يعدّ الحروفَ ١٢٣ ٤٥٫٦".split(),
    "persian": "رودخانه سنگ می‌خواهم کتاب‌ها ۱۲۳".split(),
    "hebrew": "נהר אבן פנס בוקר שקט מנוע שָׁלוֹם".split(),
    "hindi": "नदी पत्थर लालटेन शांत सुबह इंजन क्षि हिन्दी १२३".split(),
    "bengali": "নদী পাথর লণ্ঠন সকাল বাংলা ৪৫".split(),
    "thai": "แม่น้ำ หิน โคมไฟ เช้าที่เงียบสงบ ภาษาไทย กำ ๑๒".split(),
    "tamil": "ஆறு கல் விளக்கு தமிழ்".split(),
    "amharic": "ወንዝ ድንጋይ ፋኖስ".split(),
    "georgian": "მდინარე ქვა დილა".split(),
}
EMOJI = "😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪🇯🇵 ❤️ ☃ 🏳️‍🌈 🧑🏿‍🚀 ✅ 1️⃣ ♟︎ 🥲🥲🥲 ⚙️".split()
SPACES = [" ", "  ", "   ", "\t", "\t\t", "\n", "\n\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\u202f",
          "\u2028", " \n", "\n ", "        ", "\x0b", "\x0c", "\u0085", " \t ", "\r", " " * 17, "\n" * 5]
SIGNS = list(".,;:!?…-–—_/\\|()[]{}<>=+*&^%$#@~`'\"«»„“”‘’。，、！？「」©®™€£¥₹°§¶†‡•→≠∑√∞½¾²ⅷ①") + [
    "...", "!!!", "???", "--", "---", "->", "=>", "::", "!=", "==", "<=", "&&", "||", "**", "//", "/*", "*/",
    "'s", "'S", "'re", "\u2581", "\u2581\u2581", "<0x41>", "e\u0301", "\u0301", "A\u030a", "\ufeff", "\x00", "\x07", "\x1b[0m",
    "\u00ad", "\ue000", "\U000f0000", "\ufffd", "ﬁ", "Ａ１", "𝒜𝓁", "Ǆ", "ß", "ẞ", "ʼ"]
MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<|im_start", "|>", "<|", "<tool_call"]
NAMES = "x y index rows total buffer self.cache user_id maxTokens HTTPServer _private __init__ i0 node2vec".split()


def prose(r):
    words = WORDS[r.choice(list(WORDS))]
    line = " ".join(r.choice(words) for _ in range(r.randint(3, 14)))
    return r.choice(["", "", "", " "]) + line + r.choice(["", ".", "!", "?", "…", " "])


def number(r):
    n = r.randint(0, 10 ** r.randint(1, 12))
    return r.choice([
        str(n), f"{n:,}", f"-{n}", f"{n / 1000:.3f}", f"{n:x}", f"0x{n:08X}", f"{n % 100}%", f"${n}.{n % 100:02}",
        f"{n % 28 + 1}/{n % 12 + 1}/20{n % 100:02}", f"20{n % 100:02}-{n % 12 + 1:02}-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:00Z",
        f"+{n % 99}-{n % 1000:03}-{n % 10000:04}", f"1e{n % 40}", f"v{n % 9}.{n % 13}.{n % 7}", f"{n}th", f"№{n}", f"{n}km²"])


def numbers(r):
    return r.choice([" ", ", ", "; ", "\t", " + "]).join(number(r) for _ in range(r.randint(2, 9)))


def code(r):
    a, b, c = (r.choice(NAMES) for _ in range(3))
    n, indent = number(r), " " * r.choice([0, 2, 4, 8, 12])
    return indent + r.choice([
        f"def {b}({a}, *args, **kwargs):\n{indent}    return {a}[{c}:-1] + {n}  # {prose(r)}",
        f"let mut {a}: Vec<u8> = {b}.iter().map(|&x| x ^ 0x{r.randint(0, 255):02x}).collect();",
        f"for (int {a} = 0; {a} < {n}; ++{a}) {{\n{indent}\t{b}[{a}] += {c}->next;\n{indent}}}",
        f'{{"{a}": [{n}, null, true], "{b}": "{prose(r)}\\n", "{c}": {{}}}}',
        f"SELECT {a}, COUNT(*) FROM {b} WHERE {c} >= {n} GROUP BY 1 ORDER BY 2 DESC;",
        f'<div class="{a} {b}" id=\'{c}\'>{prose(r)}</div><!-- {n} -->',
        f"if ({a} !== {b} && !{c}?.length) throw new Error(`${{{a}}}: {n}`);",
        f"#include <{a}.h>\n#define {b.upper()} ((size_t){n})\n\n",
        f"$ grep -rn '{a}' ./{b}/*.txt | awk '{{print $1}}' > /dev/null 2>&1",
        f"\\frac{{{a}}}{{{b}}} = \\sum_{{i=0}}^{{{n}}} x_i^2 \\quad \\text{{{c}}}",
        f"https://example.org/{a}/{b}?{c}={n}&q=%C3%A9#top",
        f"| {a} | {b} |\n|---|:-:|\n| `{c}` | **{n}** |",
    ])


def emoji(r):
    return r.choice(["", " "]).join(r.choice(EMOJI) for _ in range(r.randint(1, 6))) + r.choice(["", " ", "ok"])


def mixture(r):
    parts = []
    for _ in range(r.randint(3, 16)):
        kind = r.random()
        if kind < 0.35:
            parts.append(r.choice(WORDS[r.choice(list(WORDS))]))
        elif kind < 0.55:
            parts.append(r.choice(SPACES))
        elif kind < 0.8:
            parts.append(r.choice(SIGNS))
        elif kind < 0.9:
            parts.append(number(r))
        elif kind < 0.95:
            parts.append(r.choice(EMOJI))
        else:
            parts.append(r.choice(MARKS))
    return "".join(parts)


def spaced(r):
    return "".join(r.choice(SPACES) + r.choice(["a", "Word", "1", "", ".", "人", "\n"]) for _ in range(r.randint(2, 9)))


def runs(r):
    return "".join(r.choice(["a", " ", "=", "-", "0", "\n", "人", "ab", "\u2581", "!", "٣", "\t"]) * r.randint(1, 40)
                   for _ in range(r.randint(1, 4)))


def characters(r):
    ranges = [(0x20, 0x7f), (0xa0, 0x250), (0x370, 0x530), (0x590, 0x700), (0x900, 0xa00), (0x2000, 0x2c00),
              (0x3000, 0x3100), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0x1f300, 0x1f700), (0x20000, 0x20100), (1, 0x20)]
    return "".join(chr(r.randint(*r.choice(ranges))) for _ in range(r.randint(1, 24)))


def lines(seed, count):
    r = random.Random(seed)
    makers = [prose] * 6 + [code] * 4 + [mixture] * 5 + [numbers] * 2 + [emoji, spaced, runs, characters]
    out = ["", " ", "  ", "\n", "a", " a", "\t"]
    while len(out) < count:
        out.append(r.choice(makers)(r))
    return out
