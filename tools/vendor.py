"""Brings the third-party front-end files into the workbench: `python tools/vendor.py [--check]`.

Knows which files of which npm package the pages are served, and copies them with their licences and checksums
into src/anhuan/workbench/static/vendor (git-ignored; packed into the wheel). Versions and integrity come from
package-lock.json alone. Does nothing when what is there already agrees with the lock and with this table. Does
not know Django, and nothing at run time needs Node.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src/anhuan/workbench/static/vendor"
STAMP = "vendor.json"


@dataclass(frozen=True)
class Package:
    """One npm package: the folder it is served from, and its files by the name they are served under.

    `bundles`: its files hold those of the packages it depends on, whose licences are then kept as one file.
    """

    folder: str
    files: dict[str, str]
    licences: tuple[str, ...]
    bundles: bool = False


_DMN_STYLES = ("diagram-js", "dmn-js-decision-table", "dmn-js-decision-table-controls", "dmn-js-drd", "dmn-js-literal-expression",
               "dmn-js-shared", "dmn-js-boxed-expression", "dmn-js-boxed-expression-controls")  # fmt: skip
_DMN_FONTS = ("eot", "svg", "ttf", "woff", "woff2")

# Tabler ships no licence file: its notice stands at the head of the style sheet, and README.md names the licence.
PACKAGES = {
    "@tabler/core": Package("tabler", {"tabler.min.css": "dist/css/tabler.min.css"}, ("README.md",)),
    "echarts": Package("echarts", {"echarts.min.js": "dist/echarts.common.min.js"}, ("LICENSE", "NOTICE")),
    "zrender": Package("zrender", {}, ("LICENSE",)),  # bundled inside echarts, under a licence of its own
    "@fontsource-variable/inter": Package("inter", {"inter-latin.woff2": "files/inter-latin-wght-normal.woff2"}, ("LICENSE",)),
    "dmn-js": Package(
        "dmn-js",
        {
            "viewer.min.js": "dist/dmn-navigated-viewer.production.min.js",
            "modeler.min.js": "dist/dmn-modeler.production.min.js",
            **{f"{style}.css": f"dist/assets/{style}.css" for style in _DMN_STYLES},
            "dmn-font/css/dmn.css": "dist/assets/dmn-font/css/dmn.css",
            **{f"dmn-font/font/dmn.{form}": f"dist/assets/dmn-font/font/dmn.{form}" for form in _DMN_FONTS},
        },
        ("LICENSE",),
        bundles=True,
    ),
}

# A source map that is not shipped would make Django's manifest storage refuse the file.
_SOURCE_MAP = re.compile(rb"\n?/[/*]# sourceMappingURL=[^\n]*\n?")


def main(arguments: list[str]) -> int:
    if is_current():
        print(f"vendor: {TARGET.relative_to(ROOT)} agrees with package-lock.json")
        return 0
    if "--check" in arguments:
        print("vendor: the front-end files are missing or out of date; run `make setup`", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="anhuan-vendor-") as workspace:
        install(Path(workspace))
        stamp = copy(Path(workspace) / "node_modules", Path(workspace) / "vendor")
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(Path(workspace) / "vendor", TARGET)
    for name, entry in stamp["packages"].items():
        print(f"vendor: {name} {entry['version']} ({entry['licence']})")
    return 0


def is_current() -> bool:
    """Whether every file of the last run is there unchanged and came from this lock and this table."""
    try:
        stamp = json.loads((TARGET / STAMP).read_text())
        return bool(stamp["lock"] == _wanted()) and all(
            _digest((TARGET / name).read_bytes()) == digest for name, digest in stamp["sha256"].items()
        )
    except (OSError, ValueError, KeyError):
        return False


def install(workspace: Path) -> None:
    """`npm ci` in a scratch folder: exactly the lock, every tarball checked against its integrity, no scripts run."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / name, workspace / name)
    result = subprocess.run(
        [_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        check=False,
        cwd=workspace,
        env={**os.environ, "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        sys.exit(f"vendor: npm ci failed ({result.returncode})\n{result.stdout}{result.stderr}")


def copy(modules: Path, target: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Copy the served files and licences, and write the stamp that says what they are."""
    stamp: dict[str, dict[str, dict[str, str]]] = {"packages": {}, "sha256": {}}
    for name, package in PACKAGES.items():
        source, folder = modules / name, target / package.folder
        folder.mkdir(parents=True)
        facts = json.loads((source / "package.json").read_text())
        stamp["packages"][name] = {"version": facts["version"], "licence": facts["license"]}
        contents = {served: (source / original).read_bytes() for served, original in package.files.items()}
        contents |= {text: (source / text).read_bytes() for text in package.licences}
        if package.bundles:
            contents["LICENSES-OF-BUNDLED.txt"] = licences_of_bundled(modules, name).encode()
        for served, original in contents.items():
            content = _SOURCE_MAP.sub(b"\n", original) if served.endswith((".css", ".js")) else original
            (folder / served).parent.mkdir(parents=True, exist_ok=True)
            (folder / served).write_bytes(content)
            stamp["sha256"][f"{package.folder}/{served}"] = _digest(content)
            if served.endswith((".css", ".js")):
                # Beside each, what the site sends to a browser that takes gzip: 79 KB instead of 635 for the styles.
                (folder / f"{served}.gz").write_bytes(gzip.compress(content, mtime=0))
    text = json.dumps({"lock": _wanted(), **stamp}, indent=1, sort_keys=True) + "\n"
    (target / STAMP).write_text(text)
    return stamp


def licences_of_bundled(modules: Path, name: str) -> str:
    """Name, version, licence and licence text of every package that `name` depends on, however far away."""
    found: dict[str, dict[str, Any]] = {}
    waiting = [name]
    while waiting:
        facts = json.loads((modules / waiting.pop() / "package.json").read_text())
        found[facts["name"]] = facts
        waiting += [other for other in facts.get("dependencies", {}) if other not in found]
    told = []
    for other in sorted(found.keys() - {name}):
        facts = found[other]
        texts = [file.read_text() for file in sorted((modules / other).glob("[Ll][Ii][Cc][Ee][Nn]*")) if file.is_file()]
        head = f"{other} {facts['version']}, licence: {facts.get('license') or 'MIT, by its README'}"
        told.append("\n\n".join([head, *texts] if texts else [f"{head} (no licence file in the package)"]))
    return f"\n\n{'-' * 100}\n\n".join(told) + "\n"


def _wanted() -> str:
    """One digest over the lock and over this file, its table above all."""
    return _digest((ROOT / "package-lock.json").read_bytes() + Path(__file__).read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _npm() -> str:
    """The system's npm, else the one the PyPI wheel of Node put beside this Python."""
    found = shutil.which("npm") or shutil.which("npm", path=sysconfig.get_path("scripts"))
    if found is None:
        sys.exit("vendor: no npm found; install Node.js, or run `make setup`, which brings one from PyPI")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
