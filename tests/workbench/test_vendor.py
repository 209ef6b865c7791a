"""The third-party files are what the lock says, and a changed one is noticed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool, with a copy of the vendored files to spoil."""
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "tools/vendor.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "vendor", module)
    spec.loader.exec_module(module)
    shutil.copytree(module.TARGET, tmp_path / "vendor")
    monkeypatch.setattr(module, "TARGET", tmp_path / "vendor")
    return module


def test_what_set_up_brought_agrees_with_the_lock(vendor: ModuleType) -> None:
    assert vendor.is_current()
    stamp = json.loads((vendor.TARGET / vendor.STAMP).read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, package in stamp["packages"].items():
        assert package["version"] == lock[f"node_modules/{name}"]["version"]
        assert package["licence"] == lock[f"node_modules/{name}"]["license"]


def test_a_changed_or_missing_file_is_noticed(vendor: ModuleType) -> None:
    file = vendor.TARGET / "echarts/echarts.min.js"
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    assert not vendor.is_current()
    file.write_bytes(content)
    assert vendor.is_current()
    file.unlink()
    assert not vendor.is_current()


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in lock.items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock.items() if name)
