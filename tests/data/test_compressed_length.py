"""Lengths by frames, against what was encoded, and against bytes that only look like frames."""

from io import BytesIO

import numpy as np
import pytest
import soundfile

from asr.compressed_length import is_chained_ogg, mp3_frame_samples, mp3_frames

# From the standard's tables: 144,000 * kbit/s / Hz, or 72,000 for MPEG-2 and 2.5, and padding.
HEADERS = {
    "fffb9064": (417, 1152 / 44_100),  # MPEG-1, 128 kbit/s, no padding
    "fffa9264": (418, 1152 / 44_100),  # with a checksum, with padding
    "fffbe464": (960, 1152 / 48_000),  # 320 kbit/s
    "fffb1864": (144, 1152 / 32_000),  # 32 kbit/s
    "fff388c4": (288, 576 / 16_000),  # MPEG-2, 64 kbit/s
    "fff3e0c4": (522, 576 / 22_050),  # 160 kbit/s
    "ffe320c4": (104, 576 / 11_025),  # MPEG-2.5, 16 kbit/s
    "ffe318c4": (72, 576 / 8_000),  # 8 kbit/s
}
FRAME = bytes.fromhex("fff388c4") + bytes(284)
SECONDS = 576 / 16_000
ID3 = b"ID3\3\0\0\0\0\1\x05" + FRAME[:133]
ID3_WITH_FOOTER = b"ID3\4\0\x10\0\0\0\x08" + FRAME[:8] + b"3DI" + bytes(7)
APE = b"APETAGEX" + b"".join(
    number.to_bytes(4, "little") for number in (2000, len(FRAME) + 32, 1, 0xA0000000, 0, 0)
)
APE_WITH_HEADER = APE + FRAME + APE[:20] + b"\0\0\0\x80" + bytes(8)
ID3V1 = b"TAG" + FRAME[:125]


def encoded(rate: int, channels: int, mode: str, level: float) -> bytes:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (rate, channels))
    file = BytesIO()
    soundfile.write(file, noise * np.linspace(0, 1, rate)[:, None], rate, "MPEG_LAYER_III",
                    format="MP3", bitrate_mode=mode, compression_level=level)  # fmt: skip
    return file.getvalue()


@pytest.mark.parametrize("header", HEADERS)
def test_frames_of_known_length(header: str) -> None:
    length, seconds = HEADERS[header]
    content = (bytes.fromhex(header) + bytes(length - 4)) * 50
    for junk in (b"", b"\0", b"\xff\xfb"):  # frames of a wrong length would not meet behind it
        frames = mp3_frames(junk + content)
        assert frames is not None
        assert frames.seconds == pytest.approx(50 * seconds)
        assert frames.constant


@pytest.mark.parametrize(
    "rate", [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
)
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_what_is_encoded_is_found(rate: int, mode: str) -> None:
    """And what the encoder puts around it, and a frame that says how many there are."""
    for channels in (1, 2):
        for level in (0.0, 0.95):
            frames = mp3_frames(encoded(rate, channels, mode, level))
            assert frames is not None
            assert 1 <= frames.seconds <= 1 + 4 * mp3_frame_samples(rate) / rate


@pytest.mark.parametrize("described", [b"Xing", b"Info", b"VBRI"])
def test_a_frame_that_describes_the_others_is_no_estimate(described: bytes) -> None:
    frames = mp3_frames(FRAME[:36] + described + FRAME[40:] + FRAME * 9)
    assert frames is not None
    assert not frames.constant


def test_two_bit_rates_are_not_constant() -> None:
    frames = mp3_frames(FRAME * 9 + bytes.fromhex("fff3e8c4") + bytes(716))
    assert frames is not None
    assert frames.seconds == pytest.approx(10 * SECONDS)
    assert not frames.constant


@pytest.mark.parametrize("tag", [ID3, ID3_WITH_FOOTER, APE_WITH_HEADER, ID3V1, bytes(5000)])
def test_tags_are_skipped_wherever_they_stand(tag: bytes) -> None:
    """Though they hold what looks like the start of a frame."""
    for content in (
        tag + FRAME * 6,
        FRAME * 6 + tag,
        FRAME * 3 + tag + FRAME * 3,
        FRAME * 3 + bytes(7) + tag + b"\xff" * 7 + FRAME * 3,
        tag + FRAME * 3 + tag + tag + FRAME * 3 + tag,
    ):
        frames = mp3_frames(content)
        assert frames is not None
        assert frames.seconds == pytest.approx(6 * SECONDS)


@pytest.mark.parametrize("header", ["fffd9064", "ffff9064", "fffb0064", "fff308c4"])
def test_other_layers_and_free_format_are_not_judged(header: str) -> None:
    other = bytes.fromhex(header) + bytes(400)
    assert mp3_frames(other) is None
    assert mp3_frames(ID3 + other) is None
    assert mp3_frames(FRAME + other) is None


@pytest.mark.parametrize("junk", [b"\xff\xfb\x92", b"\xff\xfb", b"\xff", b"ID3", b"TAG", b"OggS"])
def test_much_of_what_is_nearly_a_header_takes_no_hour(junk: bytes) -> None:
    content = junk * (300_000 // len(junk))
    frames = mp3_frames(b"\0" + content + FRAME * 50)
    assert frames is not None
    assert frames.seconds == pytest.approx(50 * SECONDS, abs=2 * SECONDS)
    assert not is_chained_ogg(content)


def page(flags: int, serial: int, body: bytes = b"OggS\0\2") -> bytes:
    """One that holds what looks like another."""
    header = b"OggS\0" + bytes([flags]) + bytes(8) + serial.to_bytes(4, "little") + bytes(8)
    return header + bytes([2, 1, len(body)]) + b"\0" + body


def test_streams_side_by_side_are_not_joined() -> None:
    side_by_side = page(2, 1) + page(2, 2) + page(0, 1) + page(0, 2) + page(4, 1) + page(4, 2)
    assert not is_chained_ogg(side_by_side)
    assert not is_chained_ogg(b"junk" + side_by_side + b"OggS")
    assert is_chained_ogg(side_by_side + page(2, 3))
    assert is_chained_ogg(side_by_side + b"junk" + page(2, 3) + page(4, 3))
