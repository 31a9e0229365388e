"""eSpeak NG, the formant synthesiser, through ctypes and the pip wheel `espeakng_loader`."""

import _ctypes
import ctypes
from dataclasses import dataclass

import numpy as np

from asr.errors import InputError

# Of eSpeak NG's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
# ctypes has no public way to unload a library; this one is named as the platform names it.
_unload = getattr(_ctypes, "dlclose" if hasattr(_ctypes, "dlclose") else "FreeLibrary")


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how."""

    name: str  # language and variant: "en-us+f2"
    words_a_minute: int
    pitch: int  # 0 to 100
    pitch_range: int  # 0 to 100, 0 is monotone


def speak(text: str, voice: Voice) -> tuple[np.ndarray, int]:
    """Synthesise a line: float32 `(N,)` within [-1, 1], and the sample rate in Hz.

    The same text and voice give the same samples, whatever was spoken before: eSpeak carries the
    phase of its oscillators from line to line, so the library is loaded afresh for each (10 ms).
    Its state is global: one call at a time in a process.

    Raises:
        InputError: eSpeak is not installed, or has no such voice.
    """
    try:
        import espeakng_loader
    except ImportError as error:
        raise InputError(
            "synthetic speech",
            expected="the package espeakng_loader",
            got="no such package",
            remedy="Install it: pip install -e '.[demo]'.",
        ) from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        return _speak(library, str(espeakng_loader.get_data_path()), text, voice)
    finally:
        library.espeak_Terminate()
        _unload(library._handle)


def _speak(library: ctypes.CDLL, data: str, text: str, voice: Voice) -> tuple[np.ndarray, int]:
    buffers: list[np.ndarray] = []

    def keep(samples, count: int, events: int | None) -> int:  # type: ignore[no-untyped-def]
        if samples and count:
            buffers.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _CALLBACK(keep)  # must outlive the synthesis
    rate = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, data.encode(), _INITIALIZE_DONT_EXIT
    )
    if rate <= 0:
        raise InputError(
            "eSpeak NG",
            expected=f"its voice data in {data}",
            got=f"error {rate} of espeak_Initialize",
            remedy="Install it again: pip install --force-reinstall espeakng_loader.",
        )
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # of the breath; it starts from the clock
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
        raise InputError(
            "eSpeak NG",
            expected="a voice such as en-us+f2",
            got=repr(voice.name),
            remedy=f"The voices are the files below {data}/lang and {data}/voices.",
        )
    for parameter, value in (
        (_RATE, voice.words_a_minute),
        (_PITCH, voice.pitch),
        (_RANGE, voice.pitch_range),
    ):
        library.espeak_SetParameter(parameter, value, 0)
    line = text.encode()
    library.espeak_Synth(line, len(line) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return np.concatenate(buffers).astype(np.float32) / 32768, rate
