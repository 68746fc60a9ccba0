"""Names and texts that are hard to put into a mail: all scripts, marks, controls, syntax."""

import random

_SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "äöüßéèñçøåłśžőűİıĐđŠš",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяЄІЇҐ",
    "αβγδεζηθικλμνξοπρσςτυφχψωΆΈΐ",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "कखगघचछजझञटठडढणतथदधनपफबभमािीुूेैोौ्",
    "กขคงจชซญดตถทธนบปผพมยรลวสหอะาิีึืุูเแโใไ",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "漢字平仮名山田美咲李王張劉陳",
    "가나다라마바사아자차카타파하김이박최",
    "ひらがなカタカナ",
    "ሀለሐመሠረሰቀበተኀነአከወዐዘየደገጠጰጸፀፈፐ",
    "😀👍🏽👨‍👩‍👧‍👦🇺🇦❤️",
    "𝒜𝓑𐍈𠜎𡃁",
    "a\u0301\u0328\u0323e\u0300o\u0308\u0304n\u0303",
    "\u202e\u202c\u200f\u200e\u2066\u2069\u200b\u200d\ufeff\u00ad",
)
_SYNTAX = (
    " ", "  ", "\t", "\r\n", "\n", "\r", "\n\n\n", "\n.", "\r\n.\r\n", ".", "..", ". ", " \n",
    "=?utf-8?q?x?=", "=?", "?=", "=", "=3D", "=\r\n", '"', "'", "\\", "\\\"", "(", ")", "<", ">",
    "<b>", "</p>", "&", "&amp;", ",", ";", ":", "@", "[", "]", "{{ x }}", "{% if %}", "%", "%s",
    "%(x)s", "--", "From ", "\nFrom ", "Bcc: a@b.cd", "\r\nBcc: a@b.cd", "\0", "\x0b", "\x0c",
    "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ud800", "\udfff", "\ufffe", "O'Neil",
    "St. John", "J. R. R.", "\t\n",
)  # fmt: skip
_ADDRESSES = (
    "person@example.org",
    "Person.Name+tag@Sub.Example.ORG",
    "o'neil@exämple.com",
    "a@почта.рф",
    "-@x-y.example",
)
_WIDE_ADDRESSES = ("jürgen@example.com", "олена@почта.рф", "用户@例子.广告", "अजय@example.org")


def hard_text(chance: random.Random) -> str:
    """Return a text of up to some hundred characters; one in ten is empty."""
    kind = chance.random()
    if kind < 0.1:
        return ""
    if kind < 0.3:
        return _word(chance, chance.choice(_SCRIPTS)).strip() or "x"
    longest = 60 if kind > 0.95 else 8
    pieces = (
        chance.choice(_SYNTAX) if chance.random() < 0.4 else _word(chance, chance.choice(_SCRIPTS))
        for _piece in range(chance.randint(1, longest))
    )
    return "".join(pieces)


def hard_address(chance: random.Random) -> tuple[str, bool]:
    """Return an address, and whether the part before its @ is beyond ASCII."""
    is_wide = chance.random() < 0.1
    return chance.choice(_WIDE_ADDRESSES if is_wide else _ADDRESSES), is_wide


def _word(chance: random.Random, script: str) -> str:
    length = chance.choice((1, 2, 5, 9, 14, 80)) if chance.random() < 0.3 else chance.randint(2, 9)
    return "".join(chance.choice(script) for _letter in range(length))
