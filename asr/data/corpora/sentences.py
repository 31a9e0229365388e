"""Short English sentences over a closed vocabulary of some two hundred words.

Every word comes back in many sentences, so an hour of speech is enough to learn all of them:
numbers, clock times, dates, commands for a house, and plain tales of sailors and farmers.
"""

import hashlib
import re
from collections.abc import Iterator
from random import Random

WORDS = range(3, 11)  # a sentence's length

# `<name>` stands for one of that name's alternatives, each as likely as the others.
_GRAMMAR = {
    "sentence": (
        "<tale>|<tale>|<tale>|<tale>|<command>|<command>|<command>|"
        "<clock>|<calendar>|<calendar>|<sum>"
    ),
    "tale": (
        "the <quality> <person> <moved> <where> the <place>|"
        "the <person> and the <person> <moved> <where> the <place>|"
        "<who> saw a <quality> <animal>|"
        "my <family> gave the <person> a <quality> <thing>|"
        "<who> lost the <thing> <where> the <place>|"
        "<who> <found> <teen> <colour> <things>|"
        "the <quality> <animal> slept in the <room>|"
        "no <person> ever <found> the <quality> <thing>|"
        "there is a <quality> <thing> in every <place>|"
        "why did the <person> want <tens> <things>|"
        "where is the <quality> <thing> of your <family>|"
        "<who> will never forget that <quality> <animal>"
    ),
    "command": (
        "turn <switch> the <colour> <device> in the <room>|"
        "please turn <switch> every <device> at <hour>|"
        "open the <colour> <opening> of the <room>|"
        "shut the <room> <opening> before <hour>|"
        "set the alarm for <past> <hour>|"
        "call my <family> on <weekday> morning|"
        "send <tens> <digit> <things> to the <person>|"
        "play the <quality> song for your <family> again|"
        "do not wake the <quality> <animal>|"
        "please <do> the <thing> from the <room>|"
        "stop the music in the <room> after <teen> minutes"
    ),
    "clock": (
        "it is <past> <hour> in the <daytime>|"
        "the train leaves at <hour> <tens>|"
        "wake the <person> at <past> <hour>|"
        "the <place> is shut from <hour> until <hour>|"
        "wait <teen> minutes for the <person>"
    ),
    "calendar": (
        "<weekday> the <ordinal> of <month>|"
        "the market opens on the <ordinal> of <month>|"
        "<who> came on the <ordinal> of <month>|"
        "the ship left on <weekday> the <ordinal> of <month>|"
        "it rained all <weekday> <daytime> in <month>"
    ),
    "sum": (
        "<number> and <digit> make <number>|"
        "<digit> hundred and <number> <animals>|"
        "<digit> thousand <digit> hundred and <tens> miles|"
        "<teen> <animals> for <teen> <things>|"
        "the <thing> cost <number> pounds and <tens> pence"
    ),
    "who": "the <person>|my <family>|we|they|she|he",
    "person": "king|queen|captain|doctor|teacher|farmer|sailor|soldier",
    "family": "mother|father|brother|sister|uncle",
    "moved": "walked|rode|travelled|returned",
    "found": "found|bought|carried",
    "where": "to|across|behind|near|from|into|beyond",
    "place": "river|mountain|village|castle|garden|forest|market|island",
    "quality": "tall|young|little|great|quiet|brave|beautiful|<colour>",
    "colour": "golden|silver|black|white|green|yellow",
    "animal": "horse|dog|bird|wolf|rabbit",
    "animals": "horses|dogs|birds",
    "thing": "letter|book|sword|basket|lantern|candle|picture|bottle",
    "things": "letters|books|apples|candles",
    "switch": "on|off|down",
    "room": "kitchen|bedroom|library|office",
    "device": "light|radio|heater",
    "opening": "door|window|gate",
    "do": "bring|clean",
    "daytime": "morning|evening|afternoon",
    "past": "half past|quarter past|ten past|twenty past",
    "weekday": "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
    "month": (
        "january|february|march|april|may|june|july|august|september|october|november|december"
    ),
    "ordinal": ("<ordinal_digit>|<ordinal_digit>|tenth|twentieth|twenty <ordinal_digit>"),
    "ordinal_digit": "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth",
    "hour": "<digit>|<digit>|<digit>|ten|eleven|twelve",
    "digit": "one|two|three|four|five|six|seven|eight|nine",
    "teen": ("ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"),
    "tens": "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety",
    "number": "<digit>|<teen>|<tens>|<tens> <digit>",
}
_RULES = {name: alternatives.split("|") for name, alternatives in _GRAMMAR.items()}
_NAME = re.compile(r"<(\w+)>")

VOCABULARY = frozenset(_NAME.sub(" ", " ".join(_GRAMMAR.values()).replace("|", " ")).split())


def sentences(split: str, random: Random) -> Iterator[str]:
    """Draw a split's sentences without end; no sentence twice outside `train`."""
    drawn: set[str] = set()
    while True:
        sentence = _expand("<sentence>", random)
        if len(sentence.split()) not in WORDS or split_of(sentence) != split or sentence in drawn:
            continue
        if split != "train":
            drawn.add(sentence)
        yield sentence


def split_of(sentence: str) -> str:
    """The one split a sentence may occur in, by its hash: a tenth each for test and validation."""
    tenth = hashlib.sha256(sentence.encode()).digest()[0] % 10
    return {0: "test", 1: "validation"}.get(tenth, "train")


def _expand(text: str, random: Random) -> str:
    return _NAME.sub(lambda name: _expand(random.choice(_RULES[name[1]]), random), text)
