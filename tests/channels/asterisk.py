"""A real Asterisk with SIPp as its customers, both on the loopback interface.

Debian 12 and 13 have no Asterisk, so it comes from Debian's unstable release, installed once into a folder under `var/` and run from there
by its own user. Where that cannot be done, `skip` says loudly why.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import textwrap
import time
import urllib.request
import warnings
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "var/asterisk"
HOME = "/srv/anhuan"
DIGITS = Path("/usr/share/sip-tester")
DOCS = Path(__file__).resolve().parents[2] / "docs/the-call.md"

CONF = {
    "asterisk.conf": f"""[directories]
astetcdir => {HOME}/etc
astrundir => {HOME}/run
astlogdir => {HOME}/log
astspooldir => {HOME}/spool
astdbdir => {HOME}/db
astvarlibdir => /var/lib/asterisk
astdatadir => /usr/share/asterisk
[options]
""",
    "modules.conf": "[modules]\nautoload=yes\nnoload=chan_iax2.so\nnoload=chan_ooh323.so\nnoload=res_phoneprov.so\nnoload=pbx_dundi.so\n",
    "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
    "http.conf": "[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport=%(http)d\n",
    "ari.conf": "[general]\nenabled=yes\n[anhuan]\ntype=user\npassword=secret\n",
    "rtp.conf": "[general]\nrtpstart=21000\nrtpend=21999\n",
    "pjsip.conf": """[udp]
type=transport
protocol=udp
bind=127.0.0.1:%(sip)d
[trunk]
type=endpoint
context=nobody
disallow=all
allow=alaw
aors=trunk
direct_media=no
dtmf_mode=rfc4733
[trunk]
type=aor
contact=sip:127.0.0.1:%(callee)d
[2001]
type=endpoint
context=nobody
disallow=all
allow=alaw
aors=2001
direct_media=no
[2001]
type=aor
contact=sip:127.0.0.1:%(desk)d
""",
    "extensions.conf": """[nobody]
[tell-machines]
exten => s,1,AMD()
 same => n,Stasis(${ANHUAN_APP},amd,${AMDSTATUS})
 same => n,Hangup()
[agents]
exten => s,1,Wait(1)
 same => n,Hangup()
%(plan)s
""",
}


def desk_plan():
    """The dial plan of collectors' telephones as docs/the-call.md tells a bank to write it, with the folder and trunk of these tests."""
    told = DOCS.read_text(encoding="utf-8")
    plan = textwrap.dedent(told[told.index("   [anhuan-desk]") :].partition("```")[0])
    return plan.replace("/var/spool/asterisk", f"{HOME}/spool").replace("@bank-trunk,30", "@trunk,4")


def skip(reason):
    warnings.warn(f"REAL TELEPHONY WAS NOT TESTED: {reason}", stacklevel=2)
    pytest.skip(reason)


def build():
    """Install Asterisk into ROOT, once. Skips where that is not possible."""
    if (ROOT / "usr/sbin/asterisk").exists():
        return
    for tool in ("debootstrap", "chroot"):
        if os.geteuid() or not shutil.which(tool):
            skip(f"Asterisk is installed by root with {tool}")
    told = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    mirror = next(iter(subprocess.run(told, capture_output=True, text=True, check=False).stdout.split()), "")
    try:
        subprocess.run(["debootstrap", "--variant=minbase", "sid", ROOT, mirror], capture_output=True, check=True, timeout=300)
        (ROOT / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (ROOT / "usr/sbin/policy-rc.d").chmod(0o755)
        install = (
            "apt-get -o Acquire::Check-Valid-Until=false update && "
            "apt-get install -y --no-install-recommends asterisk asterisk-modules asterisk-config"
        )
        subprocess.run(["chroot", ROOT, "sh", "-c", install], capture_output=True, check=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as failed:
        shutil.rmtree(ROOT, ignore_errors=True)
        skip(f"Asterisk could not be installed: {type(failed).__name__}")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Exchange:
    def __init__(self, ports):
        self.url, self.sip, self.callee = f"http://127.0.0.1:{ports['http']}/ari", ports["sip"], ports["callee"]
        self.desk = ports["desk"]
        self.prompts = ROOT / HOME.strip("/") / "prompts"
        self.prompts_there = f"{HOME}/prompts"


@contextmanager
def running():
    """Asterisk, until the end of the block."""
    if not shutil.which("sipp") or not DIGITS.exists():
        skip("SIPp plays the customer: apt-get install sip-tester")
    build()
    ports = {"http": free_port()} | {name: free_port(socket.SOCK_DGRAM) for name in ("sip", "callee", "desk")}
    placed_in = {name: str(port) for name, port in ports.items()} | {"plan": desk_plan()}
    home = ROOT / HOME.strip("/")
    shutil.rmtree(home, ignore_errors=True)
    for name in ("etc", "run", "log", "spool/recording", "spool/monitor", "db"):
        (home / name).mkdir(parents=True)
    for name, text in CONF.items():
        placed = re.sub(r"%\((\w+)\)[ds]", lambda found: placed_in[found[1]], text)
        (home / "etc" / name).write_text(placed)
    # Asterisk asks for its own name at every call, and each question nobody answers holds it up for seconds.
    (ROOT / "etc/hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()} A.ROOT-SERVERS.NET\n")
    (ROOT / "etc/resolv.conf").write_text("")
    for name in ("stasis.conf", "amd.conf"):
        (home / "etc" / name).write_text("[general]\n")
    subprocess.run(["chroot", ROOT, "chown", "-R", "asterisk:asterisk", HOME], check=True)
    for what in (["-t", "proc", "proc", ROOT / "proc"], ["--bind", "/dev", ROOT / "dev"]):
        if subprocess.run(["mount", *what], capture_output=True, check=False).returncode:
            skip("Asterisk needs proc and dev mounted in its folder")
    command = ["chroot", ROOT, "asterisk", "-f", "-U", "asterisk", "-G", "asterisk", "-C", f"{HOME}/etc/asterisk.conf"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        exchange = Exchange(ports)
        _wait_for(exchange.url)
        yield exchange
    finally:
        process.terminate()
        process.wait(20)
        for name in ("dev", "proc"):
            subprocess.run(["umount", ROOT / name], check=False)


def _wait_for(url):
    asked = urllib.request.Request(
        f"{url}/asterisk/info", headers={"Authorization": f"Basic {b64encode(b'anhuan:secret').decode()}"}
    )
    for _ in range(120):
        try:
            with urllib.request.urlopen(asked, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    skip("Asterisk did not begin to answer within a minute")


# --- customers ----------------------------------------------------------------------------------------------------

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="customer">\n<recv request="INVITE" crlf="true"/>\n'
_SAME = "[last_Via:]\n[last_From:]\n[last_To:];tag=[call_number]\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:[local_ip]:[local_port]>\n"
_MEDIA = """v=0
o=customer 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
"""


def _answer(status, body=""):
    kind = "Content-Type: application/sdp\n" if body else ""
    told = f"SIP/2.0 {status}\n{_SAME}{kind}Content-Length: {'[len]' if body else 0}\n\n{body}"
    return f"<send><![CDATA[\n{told}]]></send>\n"


def refuses(status, *, rings=True):
    """A line that nobody takes."""
    return f'{_HEAD}{_answer("180 Ringing") if rings else ""}{_answer(status)}<recv request="ACK"/>\n</scenario>\n'


def rings():
    """A telephone that rings until the caller gives up."""
    end = '<recv request="CANCEL"/>\n' + _answer("200 OK") + _answer("487 Request Terminated").replace(
        "[last_CSeq:]", "CSeq: 1 INVITE"
    )  # fmt: skip
    return f'{_HEAD}{_answer("180 Ringing")}{end}<recv request="ACK" optional="true"/>\n</scenario>\n'


def answers(*keys, hangs_up=False, speaks=False):
    """A customer who presses keys: pairs of the milliseconds before each, and the key; or who speaks for some seconds."""
    speech = (
        f'<nop><action><exec play_pcap_audio="{DIGITS}/g711a.pcap"/></action></nop>\n<pause milliseconds="2500"/>\n'
        if speaks
        else ""
    )
    pressed = speech + "".join(
        f'<pause milliseconds="{wait}"/>\n<nop><action><exec play_pcap_audio="{DIGITS}/dtmf_2833_{key}.pcap"/></action></nop>\n'
        for wait, key in keys
    )
    bye = f'<recv request="BYE" timeout="60000"/>\n{_answer("200 OK")}'
    if hangs_up:
        told = (
            "BYE sip:exchange@127.0.0.1:%(sip)d SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            "From: [$1];tag=[call_number]\nTo: [$2]\n[last_Call-ID:]\nCSeq: 2 BYE\nMax-Forwards: 70\nContent-Length: 0\n\n"
        )
        bye = f'<pause milliseconds="800"/>\n<send><![CDATA[\n{told}]]></send>\n<recv response="200"/>\n'
    head = _HEAD.replace(
        '<recv request="INVITE" crlf="true"/>',
        '<recv request="INVITE" crlf="true"><action><ereg regexp=".*" search_in="hdr" header="To:" assign_to="1"/>'
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="2"/></action></recv>',
    )
    head += '<Reference variables="1,2"/>\n'
    rest = f'{_answer("180 Ringing")}{_answer("200 OK", _MEDIA)}<recv request="ACK"/>\n{pressed}{bye}'
    return f"{head}{rest}</scenario>\n"


@contextmanager
def customer(exchange, scenario, folder, *, at_desk=False):
    """SIPp at the other end of the trunk, doing as the scenario says with every call; or at the collector's own telephone."""
    file = folder / ("collector.xml" if at_desk else "customer.xml")
    file.write_text(scenario.replace("%(sip)d", str(exchange.sip)))
    port, media = (exchange.desk, "24000") if at_desk else (exchange.callee, "23000")
    command = [
        "sipp", "-sf", file, "-i", "127.0.0.1", "-p", str(port), "-mp", media, "-nostdin", "-aa", "-l", "1000", "-trace_err",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.7)
        yield
    finally:
        process.kill()
        process.wait()
