"""How long a compressed file is by its own frames: libsndfile believes a header, or estimates.

MPEG frames as in ISO 11172-3 and 13818-3, Ogg pages as in RFC 3533.
"""

import re
from functools import cache
from mmap import mmap
from typing import NamedTuple, TypeAlias

Content: TypeAlias = bytes | mmap

# By the two bits of a header that say the version: MPEG-1, MPEG-2, and MPEG-2.5.
_SAMPLE_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_MPEG_1 = 3
# kbit/s of layer III, from the four bits 0001 on; of MPEG-1, and of the two others.
_BIT_RATES_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BIT_RATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_LAYER_III = 1

# In the first frame, which then holds no sound, before how many there are.
_DESCRIBES = re.compile(rb"Xing|Info|VBRI")

# The version, flags, and a size in four times seven bits.
_ID3V2 = re.compile(rb"ID3[\2-\4].{2}[\0-\x7f]{4}", re.DOTALL)

# Where to go on after bytes that are no frame. Each match is one byte, so that none hides another.
_RESUMES = re.compile(rb"\xff(?=[\xe2\xe3\xf2\xf3\xfa\xfb])|I(?=D3)|A(?=PETAGEX)", re.DOTALL)


class Mp3Frames(NamedTuple):
    """What the MPEG layer III frames of a file hold."""

    seconds: float  # with the frame that only describes the others, where there is one
    constant: bool  # the bit rate, and no frame describes the others


class _Frame(NamedTuple):
    length: int  # in bytes, header and padding included; 0 where the header does not say it
    samples: int  # per channel
    sample_rate: int  # Hz
    bit_rate: int  # kbit/s


def mp3_frames(content: Content) -> Mp3Frames | None:
    """Look at the header of every frame of a file; tags are skipped wherever they stand.

    None where a frame is of another layer or of free format.
    """
    seconds, at, described = 0.0, 0, False
    rates: set[tuple[int, int]] = set()
    while at < len(content):
        frame = _frame_at(content, at)
        if frame is None:
            at = _after_no_frame(content, at)
        elif frame.length == 0:
            return None
        else:
            if not rates:
                described = _DESCRIBES.search(content, at, at + frame.length) is not None
            seconds += frame.samples / frame.sample_rate
            rates.add((frame.bit_rate, frame.sample_rate))
            at += frame.length
    return Mp3Frames(seconds, len(rates) == 1 and not described)


def mp3_frame_samples(sample_rate: int) -> int:
    """Samples per channel of a layer III frame at this rate, which tells the version of MPEG."""
    return 1152 if sample_rate in _SAMPLE_RATES[_MPEG_1] else 576


def is_chained_ogg(content: Content) -> bool:
    """Whether a stream begins after others, as in files joined; streams side by side begin first.

    Pages: "OggS", a version, flags of which 2 is a beginning, 20 bytes more, the number of
    segments, and a byte for the length of each.
    """
    begun, at = False, 0
    while (at := content.find(b"OggS", at)) >= 0:
        header = content[at : at + 27]
        if len(header) < 27:
            break
        begins = bool(header[5] & 2)
        if begins and begun:
            return True
        begun = begun or not begins
        at += 27 + header[26] + sum(content[at + 27 : at + 27 + header[26]])
    return False


def _frame_at(content: Content, at: int) -> _Frame | None:
    header = content[at : at + 4]
    return _frame(header[1], header[2]) if len(header) == 4 and header[0] == 0xFF else None


@cache
def _frame(second: int, third: int) -> _Frame | None:
    """What the second and third byte of a header say; None if they are of none."""
    version, layer = second >> 3 & 3, second >> 1 & 3
    bit_rate, rate, padding = third >> 4, third >> 2 & 3, third >> 1 & 1
    if second < 0xE0 or version == 1 or layer == 0 or bit_rate == 15 or rate == 3:
        return None
    sample_rate = _SAMPLE_RATES[version][rate]
    samples = mp3_frame_samples(sample_rate)
    if layer != _LAYER_III or bit_rate == 0:
        return _Frame(0, samples, sample_rate, 0)
    kbits = (_BIT_RATES_1 if version == _MPEG_1 else _BIT_RATES_2)[bit_rate - 1]
    return _Frame(samples // 8 * 1000 * kbits // sample_rate + padding, samples, sample_rate, kbits)


def _after_no_frame(content: Content, at: int) -> int:
    """Behind the tag at this place, or else the next tag or frame that another one follows.

    In linear time: what lies before the place returned is not looked at again.
    """
    if length := _tag_length(content, at):
        return at + length
    for match in _RESUMES.finditer(content, at + 1):
        place = match.start()
        if match[0] != b"\xff":
            if _tag_length(content, place):
                return place
        elif _is_followed(content, place):
            return place
    return len(content)


def _is_followed(content: Content, at: int) -> bool:
    """Whether a layer III frame starts here that the end, a tag or one of its kind follows.

    Two bytes that look like a header are in every few kilobytes of anything.
    """
    frame = _frame_at(content, at)
    if frame is None or frame.length == 0:
        return False
    end = at + frame.length
    following = _frame_at(content, end)
    if following is None:
        return end == len(content) or _tag_length(content, end) > 0
    return following.length > 0 and following.sample_rate == frame.sample_rate


def _tag_length(content: Content, at: int) -> int:
    """Bytes of the ID3v2, ID3v1 or APE tag that starts here; 0 if none does."""
    header = content[at : at + 32]
    if _ID3V2.match(header):
        size = sum(byte << shift for byte, shift in zip(header[6:10], (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if header[5] & 0x10 else 0)  # with a footer
    if header[:3] == b"TAG":
        return 128
    if header[:8] == b"APETAGEX" and len(header) == 32:
        is_header = header[23] & 0x20
        return 32 + (int.from_bytes(header[12:16], "little") if is_header else 0)
    return 0
