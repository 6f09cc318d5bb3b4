"""The receipt: written down by hand, read back from paper, and nothing without it (docs/formats.md §7)."""

import itertools
import unicodedata
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError, MistypedError
from app.vault import receipt
from app.vault.envelope import hkdf
from app.vault.receipt import read_code, to_digits, to_words
from tests import second_reader as second
from tests.vault.world import OTHER_ROOT, ROOT, SECRET, few, seed, some

SECRETS: Final = st.binary(min_size=10, max_size=10)
LANGUAGES: Final = st.sampled_from(receipt.WORD_LANGUAGES)
FOLDER: Final = Path(receipt.__file__).parent / "words"
LISTS: Final = {language: second.word_list(FOLDER / f"{language}.txt") for language in receipt.WORD_LANGUAGES}
MANY: Final = [seed(f"receipt {number}")[:10] for number in range(60)]


def is_caught(text: str) -> bool:
    """Whether a code is refused, whichever way."""
    try:
        read_code(text)
    except (MalformedError, MistypedError):
        return True
    return False


# the two faces


@given(SECRETS)
@some
def test_digits_come_back(secret: bytes) -> None:
    """27 digits in nine groups of three, the same for both readers."""
    digits = to_digits(secret)
    assert read_code(digits) == second.read_code(digits, *LISTS.values()) == secret
    assert digits == second.digits_of(secret)
    assert [len(group) for group in digits.split(" ")] == [3] * 9
    assert digits.replace(" ", "").isdecimal()


@given(SECRETS, LANGUAGES)
@some
def test_words_come_back(secret: bytes, language: str) -> None:
    """Eight words of the list, the same for both readers."""
    words = to_words(secret, language)
    assert words == second.words_of(secret, LISTS[language])
    assert read_code(" ".join(words)) == second.read_code(" ".join(words), *LISTS.values()) == secret
    assert len(words) == receipt.WORDS


@pytest.mark.parametrize("secret", [bytes(10), b"\xff" * 10, b"\0" * 9 + b"\1", b"\x80" + bytes(9)])
def test_edges_come_back(secret: bytes) -> None:
    """Leading zeros and the largest number keep their form."""
    assert len(to_digits(secret)) == 35
    for code in (to_digits(secret), *(" ".join(to_words(secret, language)) for language in LISTS)):
        assert read_code(code) == secret


def test_a_code_stays_what_it_is() -> None:
    """A code written down today is read in ten years: its faces are fixed, word lists included."""
    assert to_digits(SECRET) == "000 080 911 113 678 783 024 503 194"
    assert to_words(SECRET, "en") == ["abacus", "mop", "name", "monument", "goodbye", "dress", "chapter", "dahlia"]
    assert to_words(SECRET, "ru") == ["абажур", "ответ", "паприка", "осьминог", "компьютер", "жизнь", "вулкан", "диплом"]


# slips of the pen


def test_wrong_digits_are_caught() -> None:
    """Of all single wrong digits at least 99 in 100 are caught; by chance one in 256 would pass."""
    caught = tried = 0
    for secret in MANY:
        digits = to_digits(secret).replace(" ", "")
        for at, other in itertools.product(range(27), "0123456789"):
            if other != digits[at]:
                tried += 1
                caught += is_caught(digits[:at] + other + digits[at + 1 :])
    assert tried == len(MANY) * 27 * 9
    assert caught / tried >= 0.99


def test_swapped_neighbours_are_caught() -> None:
    """Of all swaps of two different neighbouring digits at least 99 in 100 are caught."""
    caught = tried = 0
    for secret in MANY:
        digits = to_digits(secret).replace(" ", "")
        for at in range(26):
            one, other = digits[at], digits[at + 1]
            if one != other:
                tried += 1
                caught += is_caught(digits[:at] + other + one + digits[at + 2 :])
    assert tried > 1000
    assert caught / tried >= 0.99


@pytest.mark.parametrize("language", receipt.WORD_LANGUAGES)
def test_swapped_words_are_caught(language: str) -> None:
    """Two neighbouring words in the wrong order are caught in at least 98 of 100 codes."""
    caught = tried = 0
    for secret in MANY:
        words = to_words(secret, language)
        for at in range(7):
            tried += 1
            caught += is_caught(" ".join([*words[:at], words[at + 1], words[at], *words[at + 2 :]]))
    assert caught / tried >= 0.98


def test_a_wrong_last_digit_is_mistyped_and_not_malformed() -> None:
    """A slip is told from a text that is no code: the person is asked to look again."""
    digits = to_digits(SECRET)
    wrong = [digits[:-1] + other for other in "0123456789" if other != digits[-1]]
    for code in wrong:
        with pytest.raises(MistypedError):
            read_code(code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        " ",
        "—",
        "1" * 26,
        "1" * 28,
        "9" * 27,
        str(2**88),
        "1" * 26 + "a",
        "1" * 26 + "½",
        "1" * 10_000,
        "word " * 8,
        "abandon " * 7,
        "abandon " * 9,
        "аба абзац",
    ],
    ids=lambda code: code[:12] or "empty",
)
def test_what_is_no_code_is_malformed(code: str) -> None:
    """Neither 27 digits of at most 88 bits nor eight words of one list."""
    with pytest.raises(MalformedError):
        read_code(code)
    with pytest.raises(second.MalformedError):
        second.read_code(code, *LISTS.values())


def test_words_of_two_lists_are_no_code() -> None:
    """A code is in one language."""
    words = to_words(SECRET, "en")
    words[3] = to_words(SECRET, "ru")[3]
    with pytest.raises(MalformedError):
        read_code(" ".join(words))


@given(st.text(max_size=60) | st.text("0123456789 ۴٤-", min_size=20, max_size=40))
@some
def test_readers_agree_on_any_text(text: str) -> None:
    """Whatever somebody types, both readers answer alike."""
    try:
        found = second.read_code(text, *LISTS.values())
    except second.MalformedError:
        with pytest.raises(MalformedError):
            read_code(text)
    except second.MistypedError:
        with pytest.raises(MistypedError):
            read_code(text)
    else:
        assert read_code(text) == found


# how people write

PERSIAN: Final = "۰۱۲۳۴۵۶۷۸۹"
ARABIC: Final = "٠١٢٣٤٥٦٧٨٩"
WIDE: Final = "０１２３４５６７８９"
DEVANAGARI: Final = "०१२३४५६७८९"


@given(
    SECRETS,
    st.sampled_from([PERSIAN, ARABIC, WIDE, DEVANAGARI]),
    st.sampled_from([" ", "", "-", ".", " – ", "\n", "\u00a0", "\u200c", "/", ", "]),
)
@some
def test_digits_of_any_script_and_any_separator(secret: bytes, script: str, between: str) -> None:
    """A Persian keyboard, dots, dashes, line ends and no space at all give the same secret."""
    digits = to_digits(secret).translate({ord("0") + value: script[value] for value in range(10)})
    assert read_code(f"  {digits.replace(' ', between)}{between}") == secret


@given(SECRETS, st.data())
@some
def test_separators_may_stand_anywhere_among_digits(secret: bytes, data: st.DataObject) -> None:
    """Groups of three are a help, not a rule."""
    digits = to_digits(secret).replace(" ", "")
    cuts = data.draw(st.lists(st.integers(0, 27), max_size=6))
    for cut in sorted(cuts, reverse=True):
        digits = f"{digits[:cut]}·{digits[cut:]}"
    assert read_code(digits) == secret


@given(SECRETS, LANGUAGES, st.sampled_from([" ", "-", ".", ", ", "\n", "\t", "; ", " 	 "]), st.sampled_from(["lower", "upper", "title"]))
@some
def test_capitals_and_separators_among_words(secret: bytes, language: str, between: str, case: str) -> None:
    """Capitals, commas, dashes and lines do not matter."""
    words = between.join(to_words(secret, language))
    assert read_code({"lower": words.lower(), "upper": words.upper(), "title": words.title()}[case]) == secret


@given(SECRETS, LANGUAGES)
@some
def test_the_first_four_letters_are_enough(secret: bytes, language: str) -> None:
    """A slip of the pen after the fourth letter does no harm."""
    words = to_words(secret, language)
    assert read_code(" ".join(word[:4] for word in words)) == secret
    assert read_code(" ".join(word if len(word) < 4 else word[:4] + word[5:] for word in words)) == secret


def test_three_letters_are_not_enough() -> None:
    """Fewer letters would guess."""
    long = [word for word in to_words(SECRET, "en") if len(word) > 3]
    assert long
    for word in long:
        code = " ".join(word[:3] if each == word else each for each in to_words(SECRET, "en"))
        with pytest.raises(MalformedError):
            read_code(code)


def test_yo_is_ye() -> None:
    """`ё` may be written `е`, composed or not, and the other way round."""
    index = {word: at for at, word in enumerate(LISTS["ru"])}
    tried = 0
    for word in LISTS["ru"]:
        if not {"е", "ё"} & set(word[:4]):
            continue
        number = index[word] << 77 | int.from_bytes(seed(word)[:10], "big") >> 3
        secret = number.to_bytes(11, "big")[:10]
        words = to_words(secret, "ru")
        assert words[0] == word
        for other in (word.replace("ё", "е"), word.replace("е", "ё"), unicodedata.normalize("NFD", word.replace("е", "ё"))):
            assert read_code(" ".join([other, *words[1:]])) == secret
        tried += 1
    assert tried > 100


# the word lists


@pytest.mark.parametrize(("language", "alphabet"), [("en", "LATIN SMALL LETTER "), ("ru", "CYRILLIC SMALL LETTER ")])
def test_word_lists(language: str, alphabet: str) -> None:
    """2,048 words in order, told apart by four letters after folding, in one script, typed on one keyboard."""
    words = receipt.word_list(language)
    folded = [second._fold(word) for word in words]
    assert words == tuple(LISTS[language])
    assert len(words) == len(set(words)) == 2048
    assert len({word[:4] for word in folded}) == 2048
    assert list(words) == sorted(words)
    assert {unicodedata.name(char)[: len(alphabet)] for word in words for char in word} == {alphabet}
    assert all(3 <= len(word) <= 12 for word in words)
    assert (FOLDER / f"{language}.txt").read_text("utf-8") == "\n".join(words) + "\n"


def test_lists_share_no_word() -> None:
    """Eight words are of one list, so no code can be read in two ways."""
    heads = [{second._fold(word)[:4] for word in words} for words in LISTS.values()]
    assert not set.intersection(*heads)


# what follows from a secret


@given(SECRETS)
@few
def test_keys_are_what_the_page_says(secret: bytes) -> None:
    """Both readers derive the same four keys."""
    keys = receipt.derive(secret, ROOT)
    assert keys.address == second.receipt_key(secret, ROOT, "address")
    assert keys.dedupe == second.receipt_key(secret, ROOT, "dedupe")
    assert keys.signing.public == second.signing_public(second.receipt_key(secret, ROOT, "sign"))
    assert keys.kem.public == second.kem(second.receipt_key(secret, ROOT, "kem")).public


def test_another_secret_or_instance_is_another_mailbox() -> None:
    """Nothing is shared between two secrets, or between two instances for one secret."""
    made = [receipt.derive(SECRET, ROOT), receipt.derive(SECRET, OTHER_ROOT), receipt.derive(MANY[0], ROOT)]
    values = [value for keys in made for value in (keys.address, keys.dedupe, keys.signing.public, keys.kem.public)]
    assert len(set(values)) == 12


def test_next_secret_follows_from_secret_and_tag() -> None:
    """The same text again gets its own code again; another text, or another form, another code."""
    found = receipt.next_secret(SECRET, b"tag")
    assert found == receipt.next_secret(SECRET, b"tag") == second.hkdf(SECRET, b"", second.lp("paivand/v1 receipt again", b"tag"), 10)
    assert found == hkdf(SECRET, b"", second.lp("paivand/v1 receipt again", b"tag"), 10)
    assert len({found, receipt.next_secret(SECRET, b"gat"), receipt.next_secret(MANY[0], b"tag"), SECRET}) == 4


def test_dedupe_tags_are_recognised_by_the_holder_only() -> None:
    """A tag is the page's HMAC under the receipt's own key."""
    keys, other = receipt.derive(SECRET, ROOT), receipt.derive(MANY[0], ROOT)
    assert keys.dedupe_tag(b"used") == second.mac(keys.dedupe, b"used")
    assert len({keys.dedupe_tag(b"used"), keys.dedupe_tag(b"first"), other.dedupe_tag(b"used")}) == 3


def test_new_secrets_are_new() -> None:
    """80 bits, each time."""
    made = {receipt.new_secret() for _ in range(100)}
    assert {len(secret) for secret in made} == {receipt.SECRET_BYTES}
    assert len(made) == 100


def test_no_traceback_shows_a_key() -> None:
    """What a log or a traceback prints of a receipt is no part of it."""
    keys = receipt.derive(SECRET, ROOT)
    assert repr(keys) == str(keys) == f"{keys}" == "Receipt(…)"
