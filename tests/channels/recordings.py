"""A folder of recordings that only hum, for every clip and for the phrases of a few texts."""

from __future__ import annotations

import wave

from anhuan.channels.voice import prompts
from anhuan.channels.voice.amounts import CLIPS

PHRASES = {
    "zh": (
        "您好，这里是第一示例银行信用卡中心", "如果您是本人，请按1", "您尾号", "的信用卡已逾期", "逾期金额", "还款请按1，回电请按2",
        "感谢您的接听", "您的信用卡本期账单已到期", "第", "条提醒",
    ),
    "en": ("Hello", "If it is you, press 1", "Your card ending", "is", "days past due", "To pay press 1", "Goodbye"),
}  # fmt: skip


def record(folder, lasts=0.01):
    for lang, phrases in PHRASES.items():
        (folder / lang).mkdir(parents=True)
        named = {f"p{number:02}": phrase for number, phrase in enumerate(phrases)}
        (folder / lang / prompts.PHRASES).write_text(
            "".join(f"{name}\t{phrase}\n" for name, phrase in named.items()), encoding="utf-8"
        )
        for name in (*CLIPS[lang], *named):
            with wave.open(str(folder / lang / f"{name}.wav"), "wb") as clip:
                clip.setparams((1, 2, 8000, 0, "NONE", ""))
                clip.writeframes((b"\x00\x10" * 8 + b"\x00\xf0" * 8) * round(500 * lasts))
    return prompts.load(folder)
