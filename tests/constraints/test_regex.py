"""Regular expressions allow what Python's `re` matches, and the hostile ones are refused in time."""

import contextlib
import random
import re
import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import TINY, check_walk, spelled
from ponder.constraints import Contains, EndsWith, Length, OneOf, Regex, StartsWith
from ponder.constraints.regular import characters, effects
from ponder.errors import ParameterError

LETTERS = "abA1_ -\nékKſßẞ€İı\u0301😀Σςσ"
atoms = st.sampled_from(
    [*"ab1_ é€kKßΣİ", r"\.", ".", r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", "[ab]", "[^a]", r"[^\W\d]",
     "[a-k€]", r"[^é\s]", "(?i:k)", "(?i:[^a-z])", r"(?a:\w)", "(?s:.)", "(?-i:a)", r"\b", r"\B", r"\A",
     r"\Z", "^", "(?i:[^k])", "(?m:^)", "(?m:$)", r"(?a:\b)", "(?!)", r"[\U00010000-\U0010ffff]",
     r"(?i:\W)", "(?i:σ)", "(?ai:k)"]
)  # fmt: skip
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({}|{})".format, inner, inner),
        st.builds("{}{}".format, inner, inner),
        st.builds(
            "(?:{}){}".format,
            inner,
            st.sampled_from(["*", "+?", "?", "{2}", "{1,3}", "{2,}?", "{,2}", "{0}"]),
        ),
        st.builds("(?i:{})".format, inner),
    ),
    max_leaves=6,
)
texts = st.lists(st.text(LETTERS, max_size=6), min_size=12, max_size=12)
SHORT = ["".join(letters) for n in range(4) for letters in product("a1 é\n", repeat=n)]


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(patterns, st.booleans(), texts)
def test_what_python_matches(pattern, ignore_case, some):
    """Of short texts and random ones exactly those are allowed that `re.fullmatch` matches."""
    known = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    automaton = Regex(pattern, ignore_case).dfa()
    for text in (*SHORT, *some):
        assert automaton.accepts(text.encode()) == bool(known.fullmatch(text)), text


@pytest.mark.slow
@settings(max_examples=50, deadline=None, derandomize=True)
@given(patterns | st.builds("{}$".format, patterns), texts)
def test_what_python_finds(pattern, some):
    """A pattern is found where `re.search` finds it in the text as shown, broken characters included."""
    known = re.compile(pattern)
    found = Contains(Regex(pattern)).dfa()
    starts, ends = StartsWith(Regex(pattern)).dfa(), EndsWith(Regex(pattern.removesuffix("$"))).dfa()
    ended = re.compile(rf"(?:{pattern.removesuffix('$')})\Z")
    broken = [
        cut for text in some for cut in (text.encode()[1:], text.encode()[:-1], text.encode() + b"\xf0\x9f")
    ]
    for text in (*(text.encode() for text in (*SHORT[:40], *some)), *broken, b"a\xff", b"\xe2\x82a"):
        shown = text.decode(errors="replace")
        assert found.accepts(text) == bool(known.search(shown)), text
        assert starts.accepts(text) == bool(known.match(shown)), text
        assert ends.accepts(text) == bool(ended.search(shown)), text


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(patterns, st.integers(0, 2**32))
def test_tokens_spell_what_matches(pattern, seed):
    """Along random walks masks, ends and plans are those of brute force."""
    try:
        automaton = (Regex(pattern) & Length(0, 6)).compile(TINY)
    except ParameterError:
        return
    path, tokens = check_walk(automaton, random.Random(seed), steps=5)
    for place, state in enumerate(path):
        try:
            text = spelled(tokens[:place]).decode()
        except UnicodeDecodeError:
            assert not automaton.may_end(state)
        else:
            assert automaton.may_end(state) == bool(re.fullmatch(pattern, text) and len(text) <= 6)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(patterns, st.integers(0, 2**32))
def test_without_effects(pattern, seed):
    """Where tokens are read byte by byte because there are too many states, all is as with effects."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(effects, "MAX_STEPS", 0)
        try:
            automaton = (Regex(pattern) & Length(0, 6)).compile(TINY)
        except ParameterError:
            return
        assert automaton.within(automaton.start, 1) is None
        check_walk(automaton, random.Random(seed), steps=5)


@pytest.mark.slow
def test_every_character_of_a_category():
    r"""`\w`, `\d`, `\s`, their complements and classes that ignore case: all code points."""
    every = "".join(chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF)
    for pattern in (r"\w", r"\d", r"(?a)\s", r"[^\W_]"):
        assert sorted(characters_of(Regex(pattern).dfa())) == re.findall(pattern, every)


def characters_of(automaton):
    """The characters that an automaton accepts as whole texts, by walking its bytes."""
    found, ahead = [], [(automaton.start, b"")]
    while ahead:
        state, text = ahead.pop()
        for byte in range(256):
            after = int(automaton.table[state, automaton.classes[byte]])
            if after >= 0 and automaton.accepting[after]:
                found.append((text + bytes((byte,))).decode())
            elif after >= 0:
                ahead.append((after, text + bytes((byte,))))
    return found


@pytest.mark.slow
def test_every_letter_that_has_a_case():
    """Which letters are the same when case is ignored: for each letter what `re` finds among all of them."""
    points, _ = characters._cased()
    letters = "".join(map(chr, points.tolist()))
    assert max(letters) < chr(characters.CASED)
    assert not any(chr(point).lower() != chr(point) for point in range(characters.CASED, 0x110000))
    for letter in letters[::7]:
        one = characters.characters([(ord(letter), ord(letter))])
        same = characters.ignoring_case(one, False)
        assert [chr(p) for first, last in same for p in range(first, last + 1)] == sorted(
            re.findall(letter, letters, re.IGNORECASE)
        )


TYPICAL = [
    (r"\d{4}-\d{2}-\d{2}", "2024-02-29 2024-2-29 24-02-29 2024-02-291"),
    (r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "2024-12-31 2024-13-01 2024-00-10 2024-01-32"),
    (r"(0?[1-9]|[12]\d|3[01])/(0?[1-9]|1[0-2])/\d{4}", "1/1/2020 31/12/1999 32/1/2020 1/13/2020"),
    (r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", "23:59 24:00 12:30:45 12:60 9:00"),
    (r"(1[0-2]|0?[1-9]):[0-5]\d ?[AaPp][Mm]", "9:05AM 12:00pm 13:00pm 9:60AM"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", "2024-01-01T00:00:00Z 2024-01-01"),
    (r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{1,2}", "Jan-1 Jun-30 jan-1 Foo-2"),
    (r"Q[1-4]-\d{4}", "Q1-2024 Q5-2024 Q4-24"),
    (r"P(?=\d|T)?(\d+Y)?(\d+M)?(\d+D)?", None),
    (r"P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", "P1Y2M PT5M P3DT4H59M PT P 1Y P1.5D"),
    (r"\+?1?[ -.]?\(?\d{3}\)?[ -.]?\d{3}[ -.]?\d{4}", "+1-555-123-4567 (555)123-4567 555-1234 5551234567"),
    (r"\+[1-9]\d{1,14}", "+4930123456 +0123 4930 +1234567890123456"),
    (r"\d{3}-\d{4}", "555-1234 5555-123 555-12345"),
    (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", "a@b.co a.b+c@d-e.org a@b @b.co a@b.c"),
    (r"[^@\s]+@[^@\s]+\.[^@\s]+", "ü@é.de a@@b.c a@b"),
    (r"((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)", "1.2.3.4 255.255.255.0 256.1.1.1 1.2.3"),
    (r"([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}", "1:2:3:4:5:6:7:8 1:2:3 g:2:3:4:5:6:7:8"),
    (r"(?:[0-9a-f]{1,4}:){1,7}:|::1", "::1 fe80:: 1:2:: :::"),
    (r"([0-9A-F]{2}:){5}[0-9A-F]{2}", "00:1A:2B:3C:4D:5E 00:1a:2B:3C:4D:5E 00:1A"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
     "123e4567-e89b-12d3-a456-426614174000 123"),
    (r"https?://[^\s/$.?#].[^\s]*", "http://a.b https://example.org/x?y=1 ftp://a.b http://"),
    (r"https?://(www\.)?[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}\b([-a-zA-Z0-9()@:%_+.~#?&/=]*)",
     "http://www.foo.com/bar https://x.io http://foo"),
    (r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}", "example.com a.b.co -a.com a-.com com"),
    (r"/(?:[^/\0]+/)*[^/\0]*", "/ /usr/bin /usr//bin usr"),
    (r"[A-Z]:\\(?:[^\\/:*?\"<>|\r\n]+\\)*[^\\/:*?\"<>|\r\n]*", r"C:\ C:\a\b.txt c:\a C:\a|b"),
    (r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", "1.0.0 1.2.3-rc.1+b5 1.2 v1.2.3"),
    (r"v?\d+(\.\d+){0,3}", "v1 1.2.3.4 1.2.3.4.5 v"),
    (r"[$€£¥]\d{1,3}(,\d{3})*(\.\d{2})?", "$1 €1,234.50 £12,34 $1.5 1.50"),
    (r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", "0 -1.5e10 01 1. .5 1e5 1E+05"),
    (r"[+-]?\d+", "1 -2 +3 4.5 ٣٤ -"),
    (r"(?a)\d+", "12 ٣٤ 1٣"),
    (r"0x[0-9a-fA-F]+", "0xFF 0x 0XFF 0xfg"),
    (r"[01]+", "0101 012"),
    (r"#(?:[0-9a-fA-F]{3}){1,2}", "#fff #A1B2C3 #ffff fff #ggg"),
    (r"rgb\((\d{1,3}), ?(\d{1,3}), ?(\d{1,3})\)", "rgb(1,2,3) rgb(1,2) rgb(1111,2,3)"),
    (r"[A-Z][a-z]+(?:[ '-][A-Z][a-z]+)*", "Anna Mary-Jane O'Neil anna A"),
    (r"[^\W\d_]+(?:['’-][^\W\d_]+)*", "Zoë Jean-Luc d’Arc R2D2 a_b Łukasz 王"),
    (r"(?:Mr|Mrs|Ms|Dr)\.[A-Z][a-z]+", "Mr.Smith Dr.Who Mr Prof.X"),
    (r"[a-z_][a-z0-9_]*", "snake_case _x 1a CamelCase"),
    (r"[A-Z][a-zA-Z0-9]*", "CamelCase X camel"),
    (r"[a-z0-9]+(?:-[a-z0-9]+)*", "a-slug-1 a--b -a A"),
    (r"(?i)(yes|no|maybe)", "yes NO MayBe nope"),
    (r"(?i)true|false", "TRUE false truefalse"),
    (r"[ABCD]", "A D E AB"),
    (r"\(?[A-D]\)?\.?", "A (B) C. (D). E"),
    (r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", "DE89370400440532013000 GB82 DE8937040044053201300!"),
    (r"4\d{12}(\d{3})?", "4111111111111111 4111111111111 5111111111111111"),
    (r"\d{5}(-\d{4})?", "12345 12345-6789 1234 123456"),
    (r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}", "SW1A1AA M11AE 123"),
    (r"97[89]-?\d{1,5}-?\d+-?\d+-?\d", "978-3-16-148410-0 9783161484100 977-1"),
    (r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]+", "10.1000/182 10.1/x 10.1000/"),
    (r"[ACGT]+", "GATTACA GATTACAU"),
    (r"([A-Z][a-z]?\d*)+", "H2O C6H12O6 NaCl h2o"),
    (r"@[A-Za-z0-9_]{1,15}", "@user @ @averyveryverylongname"),
    (r"#\w+", "#tag #täg # ##a"),
    (r"<(\w+)[^>]*>[^<]*</\w+>", "<a>b</a> <a href='x'>y</a> <a>b"),
    (r"\[[^\]]*\]\([^)]*\)", "[a](b) [a](b [](x)"),
    (r"\"(?:[^\"\\]|\\.)*\"", '"a" "a\\"b" "a"b" ""'),
    (r"\[(\d+(,\d+)*)?\]", "[] [1] [1,2] [1,] [,1]"),
    (r"(?:\w+=\w+)(?:&\w+=\w+)*", "a=b a=b&c=d a= &a=b"),
    (r"-?\d{1,3}\.\d+,-?\d{1,3}\.\d+", "52.5,13.4 -1.0,200.1 52,13"),
    (r"(?x) \d{2} : \d{2}  # a time", "12:30 1:30"),
    (r"(?s).{3,5}", "abc abcd 日本語 ab abcdef"),
    (r"\S+", "a é😀 "),
    (r"\p{1}|\pL", None),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "samples"), TYPICAL, ids=[pattern for pattern, _ in TYPICAL])
def test_typical_patterns(pattern, samples):
    """Samples that match and some that do not; what is no regular expression or no regular set is refused."""
    if samples is None:
        with pytest.raises(ParameterError, match="regular"):
            Regex(pattern)
        return
    automaton = Regex(pattern).dfa()
    matches = {text: bool(re.fullmatch(pattern, text)) for text in samples.split(" ")}
    assert {text: automaton.accepts(text.encode()) for text in matches} == matches
    assert any(matches.values())


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", r"missing \), unterminated subpattern at character 1"),
        ("a{3,2}", "min repeat greater than max"),
        ("ab(?=c)", "character 3 begins look-around"),
        (r"[(?=]\(?=(?<!a)b", "character 10 begins negative look-around"),
        (r"(a)\1", "character 4 begins a back-reference"),
        ("(?P<x>a)(?P=x)", "character 9 begins a back-reference"),
        ("(a)?(?(1)b|c)", "character 5 begins a conditional"),
        ("(?>a)", "character 1 begins an atomic group"),
        (r"\++a++", "character 5 begins a possessive repeat"),
        ("(" * 5000 + ")" * 5000, "at most 100 groups"),
        ("(" * 150 + ")" * 150, "at most 100 groups"),
        ("a" * 10**6, "at most 131072 characters"),
        (3, "a string"),
    ],
)
def test_what_is_no_regular_expression(pattern, says):
    """One sentence says what and where."""
    with pytest.raises(ParameterError, match=says):
        Regex(pattern)


def test_a_dollar_before_a_newline():
    """`$` before what may read a newline would have to look at two characters: refused."""
    with pytest.raises(ParameterError, match="newline"):
        Regex("a$\\s*").dfa()
    assert Regex("a$b?").dfa().accepts(b"a")


HOSTILE = {
    "alike": "(a|a)*b",
    "counts": "(.{0,1000}){0,1000}",
    "counts of counts": "((a{0,30}){0,30}){0,30}",
    "two to the 20": "(a|b)*a(a|b){20}",
    "of nothing": "(){1000000}",
    "too large a count": "x{99999999999}",
    "stars": "(" * 50 + "a" + "*)*" * 50,
    "alternatives": "|".join(f"w{i * 7919 % 100003}" for i in range(18_000)),
    "words": r"\w{1000}",
    "classes": "(?i)" + "".join(f"[\\u0041-\\u{0x2000 + i:04x}]" for i in range(5000)),
    "a long chain": "x{0,65535}",
}


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE)
def test_hostile_patterns(pattern):
    """Compiled, or refused by an error that is the user's, in time."""
    before = time.thread_time()
    with contextlib.suppress(ParameterError):
        Regex(pattern).dfa()
    assert time.thread_time() - before < 4


def test_parts_of_texts():
    """A part may be any language; what is found is told by Python."""
    words = OneOf(("ab", "b€"))
    known = [
        (Contains("a1"), lambda text: "a1" in text),
        (Contains(words), lambda text: "ab" in text or "b€" in text),
        (StartsWith(words), lambda text: text.startswith(("ab", "b€"))),
        (EndsWith(words), lambda text: text.endswith(("ab", "b€"))),
        (~Contains(Regex("1 *a")), lambda text: not re.search("1 *a", text)),
        (Contains("É", ignore_case=True), lambda text: "é" in text),
        (StartsWith(""), lambda text: True),
    ]
    for constraint, holds in known:
        automaton = constraint.dfa()
        for text in (*SHORT, "ab", "xabx", "xb€", "b€x", "a b"):
            assert automaton.accepts(text.encode()) == holds(text)
    for make in (Contains, StartsWith, EndsWith):
        with pytest.raises(ParameterError, match="regular set"):
            make(3)
        with pytest.raises(ParameterError, match="unless the part is a string"):
            make(words, ignore_case=True)


@pytest.mark.parametrize(
    ("pattern", "banned", "free"),
    [
        (r"#\w+", ["a #tag", "#é", "x#1\n"], ["a # b", "#", "# tag"]),
        (r"\d{3}-\d{4}", ["call 555-1234 now", "5555-12345"], ["555-123", "55-1234"]),
        (
            r"(?i)as an ai( language)? model",
            ["As an AI model, I", "as an ai LANGUAGE model"],
            ["as an air model"],
        ),
        (r"(?i)\bdelve[sd]?\b", ["We Delve in", "it delves."], ["delver", "redelve"]),
    ],
)
def test_a_banned_regular_expression(pattern, banned, free):
    """It is found anywhere, also beside bytes that are no character."""
    automaton = (~Contains(Regex(pattern))).dfa()
    for text in banned:
        for around in (b"", b" \xff ", "€ ".encode()):
            assert not automaton.accepts(around + text.encode())
    assert all(automaton.accepts(text.encode()) for text in free)
