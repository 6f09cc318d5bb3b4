"""Names across spellings and scripts: one phoneme alphabet for Latin, Cyrillic and Persian letters, and how alike two names are.

One name is written in many ways: خ, х, kh, x and ch stand for one sound, every transcription has its own vowels and Persian writes
few of them, endings come and go with the passport (Rahmonov, Rahmon, Rahmonzoda), parts change places. So letters become phonemes,
endings are taken off and remembered, and consonants weigh more than vowels.

Phonemes are one sign each: a e i o u b p t d k q g f v m n l r s z j h y, x (kh), c (ch), G (gh), S (sh), Z (zh), and w for the
Persian و, which is v, u or o. Nothing is kept between calls: a name that was compared leaves no copy behind.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import product
from typing import Final, NamedTuple

from rapidfuzz.distance import Levenshtein


def _table(pairs: str) -> dict[int, str]:
    return {ord(letter): sound for letter, _, sound in (pair.partition("=") for pair in pairs.split())}


_LETTERS: Final = _table(
    "а=a б=b в=v г=g ғ=G ґ=g д=d е=e ё=yo ж=Z з=z и=i й=y і=i ї=i к=k қ=q л=l м=m н=n ң=n о=o ө=o п=p р=r с=s т=t у=u ў=u ӯ=u ү=u ұ=u"
    " ф=f х=x ҳ=h һ=h ц=ts ч=c ҷ=j җ=j ш=S щ=S ъ= ы=i ӣ=i ь= э=e є=e ю=yu я=ya ә=a"
    " ا=a آ=a أ=a إ=a ٱ=a ب=b پ=p ت=t ث=s ج=j چ=c ح=h خ=x د=d ذ=z ر=r ز=z ژ=Z س=s ش=S ص=s ض=z ط=t ظ=z ع= غ=G ف=f ق=q ک=k ك=k گ=g"
    " ل=l م=m ن=n و=W ؤ=W ه=h ة=a ۀ=a ی=y ي=y ى=y ې=y ۍ=y ئ=y ء= ـ="
    " ş=sh š=sh ș=sh ś=sh ç=ch č=ch ć=ch ž=zh ż=zh ź=z ğ=gh ǧ=gh ı=i ə=a ł=l đ=d ø=o"
)
_ARABIC: Final = (  # before the letters: what is silent or assimilated, and a final h that is a vowel
    ("^ع", "a"),
    ("^ال(?!له)(?=....)", ""),
    ("(?<=..)ال(?=[تثدذرزسشصضطظلن])", ""),
    ("(?<=[^اوی])ه$", "a"),
)
_SPELLINGS: Final = {
    spelling: sound
    for sound, spellings in {
        "c": "tsch tch cz ch",
        "S": "shch sch sh sz",
        "j": "dsch dzh dZ dj",
        "x": "kh",
        "Z": "zh",
        "G": "gh gʻ g‘ g’ g'",
        "f": "ph",
        "u": "ou oo",
        "i": "ee",
        "v": "w",
    }.items()
    for spelling in spellings.split()
}
_SPELLING: Final = re.compile("|".join(sorted(_SPELLINGS, key=len, reverse=True)))
_READINGS: Final = (("(?<![st])ch", "kh"), ("(?<!d)j", "y"), ("c(?![hz])", "j"), ("x", "ks"))  # German, German, Turkish, English
_SOUNDS: Final = ((r"(.)\1+", r"\1"), ("y(?=e)|(?<=[ei])y(?![aou])|(?<=^y)i", ""), ("(?<=ul[ao])[hx]$|(?<=[aou])h$", ""))
_ENDINGS: Final = tuple(  # what it tells, whose name it is, its spellings: Persian writes few vowels, and f for v
    (ending, sex, re.compile(f"(?<=...)(?:{spellings})$"))
    for ending, sex, spellings in (
        ("patronymic", "m", "[iy]?[oeaw]?[vw][iy]?c"),
        ("patronymic", "f", "[iy]?[oeawy]?[vw]na"),
        ("family", "f", "[iy]?(?:[oe]va|[awy]?wa)"),
        ("family", "m", "[iy]?(?:[oe]v|[wy][vf])|(?<=....)[oea]f"),
        ("son", "", "z[oa]d[aeh]?|p[uw]r"),
        ("nisba", "", "[iy]+"),
    )
)
_POLITE: Final = re.compile("(?<=...)(?:j[oa]?n|x[oa]?n|be?k|S(?:o|ah?))$")
_COMMON: Final = re.compile("^[ao]?bd[aeou]*l?(?=...)|^m[aou]?[hx][aou]?m[ae]?d(?=...)|(?<=..)m[aou]?[hx][aou]?m[ae]?d$")
_ROUGH: Final = str.maketrans("qgGxszSZjcpt", "kkkhssssssbd", "aeiouywv")
_VOWELS: Final = str.maketrans("", "", "aeiou")
_WEAK: Final = str.maketrans("", "", "aeiouywv")

_CASE_ENDING: Final = re.compile(r"['’]s$|(?<=....)(?:ом|ем|ым|ой|ою|[ауюяеыи]|ро)$", re.IGNORECASE)  # English; Russian; Tajik
_LETTER: Final = r"[^\W\d_]"
_MARKS: Final = "\u0300-\u036f\u0640\u064b-\u065f\u0670\u200c\u200d"
_WORD: Final = re.compile(f"{_LETTER}(?:{_LETTER}|[{_MARKS}]|['ʼʻ‘’`](?={_LETTER}))*")

SAME: Final = 0.7  # from here on two names, or two parts, count as one; below it lie Halimov and Hakimov
CLOSE: Final = 0.85  # what a part needs where nothing beside it helps
_EXTRA_PART: Final = 0.02
_ONE_PART: Final = 0.7
_CONFLICT: Final = 0.5
_SHORT: Final = 2  # consonants: of so few, none may be missing, and a word alone must be exactly the same


class Stem(NamedTuple):
    """A name without its ending: the root in phonemes; the ending as `patronymic`, `family`, `son`, `nisba` or `""`; `m`, `f` or `""`."""

    root: str
    ending: str
    sex: str


class Part(NamedTuple):
    """One part of a name: as written, the ways it may sound (the plainest first), their stems, and whether its script hides vowels."""

    text: str
    sounds: tuple[str, ...]
    stems: tuple[Stem, ...]
    silent: bool


def _sounds(token: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFKC", token).casefold()
    latin = any("a" <= char <= "z" for char in text)
    for pattern, new in _ARABIC:
        text = re.sub(pattern, new, text)
    text = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    spellings = ["".join(char for char in text if char.isalpha() or char in "'ʻ‘’")]
    for pattern, new in _READINGS if latin else ():
        spellings += [other for one in spellings if (other := re.sub(pattern, new, one)) != one]
    return tuple(dict.fromkeys(_sound(spelling) for spelling in spellings))


def _sound(spelling: str) -> str:
    sound = re.sub("[^a-zGSZW]", "", _SPELLING.sub(lambda match: _SPELLINGS[match[0]], spelling)).replace("W", "w")
    for pattern, new in _SOUNDS:
        sound = re.sub(pattern, new, sound)
    return sound


def _stem(sound: str) -> Stem:
    for ending, sex, pattern in _ENDINGS:
        root = pattern.sub("", sound)
        if root != sound:
            return Stem(_POLITE.sub("", root), ending, sex)
    return Stem(_POLITE.sub("", sound), "", "")


def fold(token: str) -> str:
    """Return a token in phonemes, in the plainest reading of its letters; empty for what has none."""
    return _sounds(token)[0]


def stem(token: str) -> Stem:
    """Take the ending off a token, and a polite one (-jon, -bek) below it; three phonemes always stay."""
    return _stem(fold(token))


def skeleton(token: str) -> str:
    """Return the consonants of a token's root."""
    return stem(token).root.translate(_VOWELS)


def _folded(words: str) -> frozenset[str]:
    return frozenset(map(fold, words.split()))


_TO_NEXT: Final = _folded("abd abdul abdal abdur abdus abu abul")
_TO_PREVIOUS: Final = _folded("zoda zade zadeh ullah ulla ullo allah الله uddin")
_NO_PART: Final = _folded("al el ul ur ibn ibni bin ben بن ogly oglu ugli uly uulu kyzy qizi haji hoji haj حاجی mullah ملا")


def tokens(text: str) -> tuple[str, ...]:
    """Return the parts of a name as written: titles, articles and initials dropped, Abd al-X and X zoda taken as one part."""
    found: list[str] = []
    carried = ""
    for word in _WORD.findall(text):
        sound = fold(word)
        if sound in _TO_NEXT:
            carried += f"{word} "
        elif found and sound in _TO_PREVIOUS:
            found[-1] += f" {word}"
        elif len(sound) > 1 and sound not in _NO_PART:
            found.append(carried + word)
            carried = ""
    return (*found, carried.strip()) if carried else tuple(found)


def part(token: str) -> Part:
    """Read one part of a name."""
    sounds = _sounds(token)
    return Part(token, sounds, tuple(map(_stem, sounds)), any("\u0600" <= char <= "\u06ff" or char >= "\ufb50" for char in token))


def in_text(word: str) -> Part:
    """Read a word of running text: also without the case ending that it may have there."""
    read, plain = part(word), _CASE_ENDING.sub("", word)
    if plain == word:
        return read
    bare = part(plain)
    return Part(word, read.sounds + bare.sounds, read.stems + bare.stems, read.silent)


def parts(name: str) -> tuple[Part, ...]:
    """Read the parts of a name."""
    return tuple(map(part, tokens(name)))


def alike(one: Part, other: Part) -> float:
    """Return how alike two parts are without their endings, 0 to 1; vowels are free when either is in Persian script."""
    silent = one.silent or other.silent
    return max(_near(a.root, b.root, silent=silent) for a, b in product(one.stems, other.stems))


def is_long(one: Part) -> bool:
    """Tell whether a part has consonants enough to be known by them; of fewer, any word may be made."""
    return len(one.sounds[0].translate(_WEAK if one.silent else _VOWELS)) > _SHORT


def is_it(word: Part, one: Part) -> bool:
    """Tell whether a word by itself is this part of a name: closely alike, of one ending and one rhythm, and long or exactly the same."""
    exact = not {*word.sounds}.isdisjoint({*one.sounds} - {""})
    close = is_long(word) and is_long(one) and alike(word, one) >= CLOSE
    endings = {stem.ending for stem in word.stems} & {stem.ending for stem in one.stems}
    rhythm = word.silent or one.silent or not _rhythms(word).isdisjoint(_rhythms(one))
    return bool(endings) and rhythm and (exact or close)


def _rhythms(one: Part) -> set[int]:
    return {len(re.findall("[aeiouy]+", stem.root)) for stem in one.stems}


def same_name(word: str, name: str) -> bool:
    """Tell whether a word of a text is a single name, in whatever script, spelling or case."""
    one = part(name)
    return any(is_it(in_text(found), one) for found in _WORD.findall(word))


def _near(one: str, other: str, *, silent: bool) -> float:
    """Compare roots on three levels, so that q for k costs less than n for k, and o for a less than either."""
    if one == other:
        return 1.0
    if _COMMON.search(one) and _COMMON.search(other):  # what every third name has tells nothing: Abdurahim, Abdulaziz
        one, other = _COMMON.sub("", one), _COMMON.sub("", other)
    a, b = one.translate(_ROUGH), other.translate(_ROUGH)
    bones = _WEAK if silent else _VOWELS
    cost = 0.5 * Levenshtein.distance(_undoubled(a), _undoubled(b), weights=(1, 1, 2))
    cost += 0.2 * Levenshtein.distance(one.translate(bones), other.translate(bones))
    cost += 0.0 if silent else 0.15 * Levenshtein.distance(one, other)
    return max(0.0, 1 - cost / (0.5 + (len(a) + len(b)) / 2))


def blocks(one: Part, *, loose: bool = False) -> frozenset[str]:
    """Return the keys under which a part is looked up: what is alike mostly shares one, and nearly always when both are loose."""
    found = set()
    for root, _, _ in one.stems:
        rough = _undoubled(root.translate(_ROUGH))
        found.add(f"={rough}")
        if loose:  # one consonant may be missing, but not the first, and not of two
            found |= {f"~{rough}", *(f"~{rough[:i]}{rough[i + 1 :]}" for i in range(1, len(rough)) if len(rough) > _SHORT)}
    return frozenset(found)


def _undoubled(text: str) -> str:
    return re.sub(r"(.)\1+", r"\1", text)


def compare(name_a: str, name_b: str) -> float:
    """Return how likely two names are one person's by the names alone, 0 to 1; `SAME` is the line between yes and no."""
    return compare_parts(parts(name_a), parts(name_b))


def compare_parts(left: Sequence[Part], right: Sequence[Part]) -> float:
    """Compare names that were read before.

    Parts are aligned in any order. A part that only one side has costs little. The worst of the aligned parts counts as much as all
    together, so that one disagreeing given name keeps siblings apart. What contradicts itself is halved: a man's and a woman's
    ending, given and family name changed over, a father's name where the son's own should stand.
    """
    left, right = sorted((left, right), key=lambda name: (len(name), [one.text for one in name]))
    if not left:
        return 0.0
    if len(left) < len(right):
        right = _joined(right, left)
    if len(left) > len(right):
        left, right = right, left
    pairs = _aligned(left, right)
    scores = [score for score, _, _ in pairs]
    score = (sum(scores) / len(scores) + min(scores)) / 2 - _EXTRA_PART * (len(right) - len(left))
    if len(left) == 1 < len(right):
        score *= _ONE_PART
    return max(0.0, score * _CONFLICT if _contradict([(a, b) for _, a, b in pairs], right) else score)


def _aligned(left: Sequence[Part], right: Sequence[Part]) -> list[tuple[float, Part, Part]]:
    """Pair each part of the shorter name with one of the longer, the most alike first."""
    order = sorted(((alike(a, b), -i, -j) for (i, a), (j, b) in product(enumerate(left), enumerate(right))), reverse=True)
    taken: dict[int, tuple[float, int]] = {}
    for score, i, j in order:
        if i not in taken and j not in {other for _, other in taken.values()}:
            taken[i] = (score, j)
    return [(score, left[-i], right[-j]) for i, (score, j) in taken.items()]


def _contradict(pairs: list[tuple[Part, Part]], right: Sequence[Part]) -> bool:
    ends = [(a.stems[0].ending, b.stems[0].ending) for a, b in pairs]
    sexes = any(all(x.sex and y.sex and x.sex != y.sex for x, y in product(a.stems, b.stems)) for a, b in pairs)
    bare = ("", "nisba")
    crossed = any(x == "family" and y in bare for x, y in ends) and any(y == "family" and x in bare for x, y in ends)
    spare = [extra for extra in right if all(extra is not b for _, b in pairs)]
    father = ("", "patronymic") in ends and any(not extra.stems[0].ending for extra in spare)
    return sexes or crossed or father


def _joined(name: Sequence[Part], other: Sequence[Part]) -> Sequence[Part]:
    """Read two neighbours as one part where the other name writes them so: Mirzo Ali, Mirzoali."""
    joined, at = list(name), 0
    while at + 1 < len(joined):
        a, b = joined[at : at + 2]
        both = part(f"{a.text} {b.text}")
        if any(alike(both, one) > max(CLOSE, alike(a, one), alike(b, one)) for one in other):
            joined[at : at + 2] = [both]
        else:
            at += 1
    return joined


def is_family(name: Sequence[Part], at: int) -> bool:
    """Tell whether the part at this place is a family name by its ending; -i before another part only binds the two together."""
    ending = name[at].stems[0].ending
    return ending in ("family", "son") or (ending == "nisba" and at == len(name) - 1)


def same_given_only(name_a: str, name_b: str) -> bool:
    """Tell whether two names share one given name and nothing else: the rest differs, or is not said."""
    left, right = parts(name_a), parts(name_b)
    shared = [(i, j) for (i, a), (j, b) in product(enumerate(left), enumerate(right)) if alike(a, b) >= SAME]
    return len(shared) == 1 and not any(is_family(left, i) or is_family(right, j) for i, j in shared)
