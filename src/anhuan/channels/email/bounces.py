"""Mails that come back: what became of whom.

Reads delivery status notifications (RFC 3464), feedback loops (RFC 5965), automatic replies (RFC 3834) and the many bounces
in no standard form, and says per recipient what it means for the contact point. Pure: bytes in, values out. Knows mails;
what the words of a failure mean stands in `words`. Does not know whom we wrote to, nor why.

The order of trust: what was said of this very recipient (the diagnostic code, then the lines beside the address), then the
whole text where it speaks of one recipient only, then the status code. Statuses lie oftener than words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum
from itertools import islice

from anhuan.channels.email.mails import HEADER_LINE, NotAMail, header, mails, own_parts, parsed, returned, text_of, without_tags
from anhuan.channels.email.words import ADDRESS, Says, says

__all__ = ["Bounce", "Kind", "NotAMail", "classify", "of_reply"]


class Kind(StrEnum):
    HARD = "hard"
    SOFT = "soft"
    FEEDBACK = "feedback"
    AUTO_REPLY = "auto_reply"
    NONE = "none"


ACTIONS = {
    Kind.HARD: "invalidate",
    Kind.SOFT: "retry",
    Kind.FEEDBACK: "suppress",
    Kind.AUTO_REPLY: "none",
    Kind.NONE: "none",
}
"""What a kind means for the contact point. `retry`: it stays, and a later reminder may use it; nothing is sent again for this."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """What one mail says of one recipient. `recipient` is None where it names nobody; `status` is enhanced (RFC 3463) or None."""

    recipient: str | None
    kind: Kind
    status: str | None = None

    @property
    def action(self) -> str:
        return ACTIONS[self.kind]


def classify(raw: bytes) -> list[Bounce]:
    """What the mail, or every mail of the mailbox file, says of whom, each recipient once. NotAMail when it is none."""
    found: list[Bounce] = []
    for one in mails(raw):
        found.extend(_of_mail(parsed(one)))
    if len(found) > 1:
        found = [bounce for bounce in found if bounce.kind is not Kind.NONE or bounce.recipient]
    return found or [Bounce(None, Kind.NONE)]


def of_reply(recipient: str, text: str) -> Bounce:
    """What a server's refusal, given while it was spoken to, says of the recipient."""
    status = _best_status("", text)
    return Bounce(recipient, _judged([text], "", status), status)


# --- what a mail says ---------------------------------------------------------------------------------------------

_WHERE_RETURNED_MAIL_BEGINS = re.compile(
    r"^[> ]{0,20}(?:-{1,90} {0,4})?(?:below this line is a copy|(?:this is a copy of (?:the|your) message|"
    r"original message(?: follows| headers)?\b|"
    r"(?:returned|unsent|start of returned|undelivered|your original|copy of (?:the )?original|the original|"
    r"original) (?:message|mail)(?: \w+)? ?(?:follows|below|headers?|is attached|-{3,}|:\s*$)|"
    r"message (?:header|text|contents?|body)s? follows?|(?:the )?headers? (?:of the|from the) (?:original|message)|"
    r"the body of the message|"
    r"included is a copy of the message)|content-type: (?:message/rfc822|text/rfc822-headers)|"
    r"(?:原始|原)(?:邮件|郵件|信件)(?:内容|內容|信息|标题|頭)?[:：])",
    re.IGNORECASE | re.MULTILINE,
)
_HEADERS_OF_A_MAIL = re.compile(
    r"^(?:Received: (?:from|by|\()|Return-Path: ?<(?!mailer-daemon|>))", re.IGNORECASE | re.MULTILINE
)


def _said(text: str) -> str:
    """What a text says itself, without the mail quoted below it, and without marks of quotation."""
    quoting = [line for line in text.splitlines() if line.startswith(">")]
    if len(quoting) > len(text.splitlines()) / 3:
        text = re.sub(r"^>{1,2} ?(?=[^>]|$)|^>(?=>{3} )", "", text, flags=re.MULTILINE)
    for end in sorted(
        found.start() for form in (_WHERE_RETURNED_MAIL_BEGINS, _HEADERS_OF_A_MAIL) for found in form.finditer(text)
    ):
        if _FAILED_WORDS.search(text, 0, end) or _REPLY.search(text, 0, end):
            return text[:end]
    return text


# --- one mail -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """A mail taken apart once: what it says to people, its fields for machines, and the mails inside."""

    mail: Message
    said: str
    fields: str
    returned: tuple[Message, ...]

    @property
    def sender(self) -> str:
        return header(self.mail, "From").casefold()

    @property
    def subject(self) -> str:
        return header(self.mail, "Subject")


_LONGEST = 40_000
"""Letters of a part that are read; what a mail system says stands at its beginning."""


def _read(mail: Message) -> _Read:
    plain, pages, fields = [], [], []
    for part in own_parts(mail):
        kind = part.get_content_type()
        if kind in {"text/rfc822-headers", "text/x-headers"}:
            continue
        text = text_of(part)[:_LONGEST] if kind.startswith(("text/", "application/", "multipart/")) else ""
        if _FIELD_GROUP.search(text) or _FEEDBACK.search(text):
            fields.append(_unquoted(text))
        if kind == "text/html":
            pages.append(without_tags(text))
        elif kind.startswith(("text/", "multipart/")) and not kind.startswith("text/x-"):
            plain.append(text)  # a multipart without its boundary is one long text
    said = "\n\n".join(_said(text) for text in (plain if any(text.strip() for text in plain) else pages))
    return _Read(mail, said, "\n\n".join(fields), tuple(returned(mail)))


def _of_mail(mail: Message, depth: int = 0) -> list[Bounce]:
    read = _read(mail)
    found = _feedback(read) or _reported(read)
    if not found and depth < 3 and not _addressed(read):
        # Somebody forwarded it as an attachment, or a gateway wrapped it.
        found = [bounce for inner in read.returned for bounce in _of_mail(inner, depth + 1) if bounce.kind is not Kind.NONE]
    found = found or _auto_reply(read) or _in_words(read)
    if not found and depth < 3:
        found = [bounce for inner in read.returned for bounce in _of_mail(inner, depth + 1)]
    if isinstance(mail.epilogue, str) and depth == 0:
        # Two mails stuck together: what follows the end of the first begins with headers again.
        rest = mail.epilogue.lstrip().encode("utf-8", "surrogateescape")
        if HEADER_LINE.match(rest) and b"\nFrom:" in rest:
            found = [*found, *_of_mail(parsed(rest), depth + 1)]
    return found


def _address(text: str) -> str | None:
    """The first address in a text, or None; a bare local part does not count."""
    found = ADDRESS.search(text)
    return found[0].strip("'.") if found else None


def _addresses(mails: Iterable[Message], *names: str) -> list[str]:
    """All addresses in headers of these names, in order, each once."""
    texts = (str(value) for mail in mails for name in names for value in mail.get_all(name, []))
    return _once(found[0].strip("'.") for text in texts for found in ADDRESS.finditer(text))


def _once(addresses: Iterable[str]) -> list[str]:
    """Each address once, in order and as first written; capitals make no difference."""
    kept: dict[str, str] = {}
    for one in addresses:
        kept.setdefault(one.casefold(), one)
    return list(kept.values())


# --- feedback loops -----------------------------------------------------------------------------------------------

_FEEDBACK = re.compile(r"^[> ]*Feedback-Type[ \t]*:[ \t]*([\w-]+)", re.IGNORECASE | re.MULTILINE)
_FEEDBACK_RECIPIENT = re.compile(
    r"^[> ]*(?:Original-Rcpt-To|Removal-Recipient|Original-Recipient)[ \t]*:[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE
)


def _feedback(read: _Read) -> list[Bounce]:
    """A complaint by the button «this is spam». What people call no spam after all is no complaint."""
    kind = _FEEDBACK.search(read.fields)
    original = _addresses(read.returned, "X-HmXmrOriginalRecipient", "X-Original-To", "To", "Delivered-To", "Cc")
    if kind is None:
        # Hotmail's and Outlook's own form (JMRP): the mail complained of is attached and nothing else is said.
        jmrp = re.match(r"(?:staff|abuse)@(?:hotmail|outlook|live)\.", _address(read.sender) or "")
        complaint = jmrp or re.match(r"\W*this is an? (?:e-?mail )?abuse report", read.said, re.IGNORECASE)
        return [Bounce(one, Kind.FEEDBACK) for one in original[:1]] if complaint and original else []
    if kind[1].casefold() == "not-spam":
        return [Bounce(None, Kind.NONE)]
    named = [_address(found[1]) for found in _FEEDBACK_RECIPIENT.finditer(read.fields)]
    people: list[str | None] = [*_once(one for one in named if one)] or [*original[:1]] or [None]
    return [Bounce(one, Kind.FEEDBACK) for one in people]


# --- delivery status notifications --------------------------------------------------------------------------------

_FIELD_GROUP = re.compile(r"^[> ]*(?:Final|Original)-Recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"^([A-Za-z][\w-]*)[ \t]*:[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\.?\d)")
_REPLY = re.compile(r"(?:^|[\s;:(\"'#<])([245]\d\d)(?=[- ;:,.)\]#\"'<]|$)")
_NOT_FAILED = frozenset({"delivered", "relayed", "expanded"})


def _unquoted(text: str) -> str:
    lines = text.splitlines()
    quoted = sum(line.startswith(">") for line in lines) > len(lines) / 3
    return "\n".join(re.sub(r"^>+ ?", "", line) for line in lines) if quoted else text


def _groups(fields: str) -> Iterator[dict[str, str]]:
    """The fields of each recipient: a group ends where a field comes that it has, or at an empty line once it names one."""
    group: dict[str, str] = {}
    for block in re.split(r"\n[ \t]*\n", fields):
        for found in _FIELD.finditer(block):
            name, value = found[1].casefold(), " ".join(found[2].split())
            if name in {"final-recipient", "original-recipient"} and name in group:
                yield group
                group = {}
            group.setdefault(name, value)
        if "final-recipient" in group or ("original-recipient" in group and {"action", "status"} & group.keys()):
            if {"action", "status", "disposition", "diagnostic-code"} & group.keys():
                yield group
                group = {}
        elif "original-recipient" not in group:
            group = {}
    if "final-recipient" in group or "original-recipient" in group:
        yield group


def _recipient(group: dict[str, str]) -> str | None:
    """Whom we wrote to: as the sender named her where the report says so, for only that is a contact point."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        value = group.get(name, "").partition(";")[2] or group.get(name, "")
        if (found := _address(value)) is not None:
            return found
    bare = group.get("final-recipient", "").rpartition(";")[2].strip(" <>")
    return bare or None


_MOST_RECIPIENTS = 100
"""Of one report; our mails have one each."""


def _reported(read: _Read) -> list[Bounce]:
    """What a delivery status notification says, recipient by recipient; what is worst counts where one stands in it twice."""
    groups = list(islice(_groups(read.fields), _MOST_RECIPIENTS))
    found: dict[str, Bounce] = {}
    people = {(_recipient(group) or "").casefold() for group in groups}
    for group in groups:
        recipient = _recipient(group)
        if "disposition" in group:
            # A receipt of a person, or a mail box that refuses a mail it had taken.
            refused = "automatic-action" in group["disposition"] and _FAILED_WORDS.search(read.said)
            bounce = Bounce(recipient, _judged([read.said], "", None) if refused else Kind.NONE)
        else:
            bounce = _of_group(group, recipient, read, alone=len(people) == 1)
        key = (recipient or "").casefold()
        if key not in found or _WORSE.index(bounce.kind) < _WORSE.index(found[key].kind):
            found[key] = bounce
    return list(found.values())


_WORSE = (Kind.HARD, Kind.SOFT, Kind.FEEDBACK, Kind.AUTO_REPLY, Kind.NONE)


def _of_group(group: dict[str, str], recipient: str | None, read: _Read, *, alone: bool) -> Bounce:
    diagnostic = group.get("diagnostic-code", "")
    status = _best_status(group.get("status", ""), diagnostic)
    action = group.get("action", "").casefold().strip(" .").split(" ")[0]
    if action in _NOT_FAILED or (not action and status is not None and status.startswith("2.")):
        return Bounce(recipient, Kind.NONE, status)
    beside = _beside(read.said, recipient, alone=alone)
    status = status or _best_status("", beside)
    if action == "delayed":
        return Bounce(recipient, Kind.SOFT, status)
    general = read.said if alone else ""
    return Bounce(
        recipient, _judged([diagnostic, beside], general, status, after_data=_after_data(read.said, diagnostic)), status
    )


def _best_status(stated: str, said: str) -> str | None:
    """The status stated, or a more telling one among the words where it says no more than its class (X.0.0)."""
    every = [".".join(found.groups()) for text in (stated, said) for found in _STATUS.finditer(text)]
    telling = [one for one in every if not one.endswith(".0.0")]
    return next(iter(telling or every), None)


def _after_data(said: str, diagnostic: str) -> bool:
    """Whether the answer was given to the content, after the recipient had been accepted."""
    if "data command" in diagnostic.casefold():
        return True
    # Sendmail's transcript: the answer to DATA itself, and no recipient refused after it.
    return re.search(r">>> DATA\n(?:<<< .*\n)+5\d\d 5\.0\.0 Service unavailable", said) is not None


def _judged(texts: list[str], general: str, status: str | None, *, after_data: bool = False) -> Kind:
    """Hard or soft, by the first text that says anything, else by the status or the reply code."""
    subject = status.split(".")[1] if status else None
    for text in (*texts, general):
        verdict = says(text, about_address=subject == "1", general=text is general) if text.strip() else Says.NOTHING
        if verdict is Says.UNAVAILABLE:
            permanent = status.startswith("5") if status else _reply(text).startswith("5")
            verdict = Says.GONE if permanent and subject not in {"2", "7"} else Says.PASSING
        if verdict is Says.GONE:
            # Words of an unknown user about the content, with a status that says the mailbox exists: a filter's excuse.
            return Kind.SOFT if after_data and status == "5.2.0" else Kind.HARD
        if verdict is Says.PASSING:
            return Kind.SOFT
    if status is not None:
        return Kind.HARD if status in _GONE_BY_STATUS else Kind.SOFT
    return (
        Kind.HARD
        if next((code for text in (*texts, general) if (code := _reply(text))), "") in {"521", "551", "556"}
        else Kind.SOFT
    )


_GONE_BY_STATUS = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.3.2", "5.4.4"})
"""Where no words help: bad mailbox, bad system, bad syntax, moved, null MX (RFC 7505), accepts no messages, no route to the name."""


def _reply(text: str) -> str:
    found = _REPLY.search(text)
    return found[1] if found else ""


# --- automatic replies --------------------------------------------------------------------------------------------

_DAEMON = re.compile(
    r"mailer[-_. ]?daemon|mail[-_. ]?daemon|post ?master|mail (?:delivery|administrator|system)|"
    r"delivery (?:sub)?system|mdaemon|maildelivery|"
    r"mail-?admin|系统退信|退信|bounce|microsoft exchange|system administrator|<>"
)
_REPLY_HEADERS = (
    "X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Autoreply-From", "X-Auto-Reply-From", "X-Mail-Autoreply",
    "X-Autogenerated", "X-Vacation", "X-Apple-Action", "X-Cron-Autoreply",
)  # fmt: skip
_REPLY_SUBJECT = re.compile(
    r"^(?:re: ?|aw: ?)*\W{0,2}(?:auto: |auto(?:matic|mated)?[- ]?(?:reply|response|responder|antwort)|automatische antwort|"
    r"automatisch antwoord|out of (?:the )?office|"
    r"out[- ]of[- ]office|ooo\b|on (?:vacation|leave|holiday)|(?:i am|i'm) (?:currently )?(?:away|out|on)|vacation\b|"
    r"away from|abwesen|"
    r"réponse automatique|absence du bureau|respuesta automática|resposta automática|risposta automatica|автоответ)|"
    r"自动回复|自動回覆|自动答复|自動回复|自动应答|自動応答|不在(?:通知|のお知らせ)|休假(?:通知|中)|vacation (?:notice|message|"
    r"reply|response)|\bauto(?:matic)?[- ]?reply\b",
    re.IGNORECASE,
)


def _auto_reply(read: _Read) -> list[Bounce]:
    """An answer no person wrote just now (RFC 3834); about the one it is from. Mail daemons mark bounces likewise."""
    mail = read.mail
    submitted = header(mail, "Auto-Submitted").casefold()
    marked = (
        submitted.startswith(("auto-replied", "auto-notified"))
        or any(mail.get(name) is not None for name in _REPLY_HEADERS)
        or header(mail, "Precedence").casefold() in {"auto_reply", "auto-reply"}
        or "autoresponder" in header(mail, "Delivered-To").casefold()
        or header(mail, "X-MS-Exchange-Generated-Message-Source") == "Mailbox Rules Agent"
    )
    subject = read.subject
    if _REPLY_SUBJECT.search(subject) or (marked and not _looks_returned(read) and not _DAEMON.search(read.sender)):
        return [Bounce(_address(header(mail, "From")) or _address(header(mail, "Reply-To")), Kind.AUTO_REPLY)]
    return []


# --- bounces in no standard form ----------------------------------------------------------------------------------

_RETURNED_SUBJECT = re.compile(
    r"undeliver|returned (?:mail|e-?mail|message)|return(?:ed)? to sender|delivery (?:status|report|fail|error|"
    r"problem|notification|has failed)|failure notice|"
    r"mail (?:delivery )?(?:fail|error|system error|could not)|non[- ]?deliver|(?:could|can) ?not (?:be )?deliver|"
    r"not delivered|delivery unsuccessful|"
    r"message (?:delivery|status|you sent)|failed mail|mail failed|message delayed|delivery (?:warning|delay)|"
    r"unzustellbar|zustell|non (?:remis|distribu)|échec|no se (?:puede|pudo)|não entregue|mancata consegna|rejected|"
    r"退信|退回|被退|无法投递|無法(?:投遞|傳遞|寄達)|投递(?:失败|失敗)|投遞失敗|发送失败|發送失敗|传送失败|配信(?:不能|エラー|"
    r"できません)|送信(?:エラー|失敗)|エラーメール|배달|반송|недостав|error message",
    re.IGNORECASE,
)
_FAILED_WORDS = re.compile(
    r"(?:not|n't|unable|fail\w*|problem|error|could not|cannot)[^.]{0,60}deliver|deliver[^.]{0,60}(?:fail|not|n't|"
    r"error|impossible|problem)|undeliver|"
    r"returned to (?:you|sender|the sender)|could not be sent|did not reach|fatal error|permanent error|rejected|"
    r"bounced|has been returned|failed recipient|postponed|was stopped|has been delayed|"
    r"退信|退回|无法(?:送达|投递|发送)|無法(?:送達|投遞|傳送|寄達)|失败|失敗|送信できません|配信できません|お届けできません",
    re.IGNORECASE,
)
_WAITING = re.compile(
    r"(?:this is a )?warning(?: message)? only|you (?:do not|don't) need to resend|will (?:keep|continue) (?:on |"
    r"to )?(?:try|attempt)|"
    r"not yet been delivered|has been (?:postponed|delayed)|(?:delivery )?attempts will continue|will be retried",
    re.IGNORECASE,
)


def _looks_returned(read: _Read) -> bool:
    """Whether a mail looks like one from a mail system about a failure, going by its headers."""
    mail = read.mail
    if mail.get("X-Failed-Recipients") is not None:
        return True
    if not _by_daemon(read):
        return False
    return (
        _RETURNED_SUBJECT.search(read.subject) is not None
        or _FAILED_WORDS.search(read.said) is not None
        or says(f"{read.subject}\n{read.said}", about_address=False) is Says.GONE
    )


def _by_daemon(read: _Read) -> bool:
    return not read.sender or _DAEMON.search(read.sender) is not None or header(read.mail, "Return-Path") == "<>"


def _in_words(read: _Read) -> list[Bounce]:
    """What a bounce for people's eyes says: who is named, and what is said beside the name."""
    failed = _FAILED_WORDS.search(read.said) or _REPLY.search(read.said)
    if not (_looks_returned(read) or (_RETURNED_SUBJECT.search(read.subject) and failed)):
        return []
    people = _named(read)[:_MOST_RECIPIENTS]
    found = []
    everyone: list[str | None] = [*people] or [None]
    for one in everyone:
        beside = _beside(read.said, one, alone=len(people) <= 1)
        status = _best_status("", beside) or (_best_status("", read.said) if len(people) <= 1 else None)
        status = None if status is not None and status.startswith("2.") else status
        if _WAITING.search(read.said):
            kind = Kind.SOFT
        else:
            general = read.said if len(people) <= 1 else ""
            kind = _judged([beside], general, status, after_data=_after_data(read.said, beside))
        found.append(Bounce(one, kind, status))
    return found


_NAMING_LINE = re.compile(
    r"^[ \t>*|\-•]*(?:(?:(?:intended |failed |final )?recipient|r|rcpt to|for|failed|unknown user|user|"
    r"(?:undeliverable |recipient )?address|e-?mail|收件人|收信人|邮箱|地址|宛先)[^\n@<:：]{0,20}[:：][ \t]*)?"
    r"(?:>>> RCPT TO: ?)?[<(\[\"']{0,2}(?:mailto:|smtp:|rfc822;)?(" + ADDRESS.pattern + r")",
    re.IGNORECASE | re.MULTILINE,
)


def _addressed(read: _Read) -> bool:
    """Whether the text names anybody at all beside the two ends of this very mail."""
    ends = {one.casefold() for one in _addresses([read.mail], "To", *_SENDING)}
    return any(found[0].casefold() not in ends for found in ADDRESS.finditer(read.said))


_SENDING = ("From", "Return-Path", "Reply-To", "Sender")
_OFFICE = re.compile(r"(?:postmaster|mailer-daemon|abuse|helpdesk|support)@", re.IGNORECASE)


def _named(read: _Read) -> list[str]:
    """Whom a bounce in words is about: by its header, else by lines that begin with an address, else by any, else by the mail returned."""
    failed = _addresses([read.mail], "X-Failed-Recipients")
    if failed:
        return failed
    senders = [*_addresses([read.mail], "To", *_SENDING), *_addresses(read.returned, *_SENDING)]
    ours = {one.casefold() for one in senders}
    written_to = _addresses(read.returned, "To", "Cc", "Bcc", "X-Original-To")
    known = {one.casefold() for one in written_to}
    said = re.sub(r"(?im)^(?:message-id|in-reply-to|references|from|sender|mail from|>>> mail from):?.*$", "", read.said)
    for form in (_NAMING_LINE, ADDRESS):
        every = _once(found[found.lastindex or 0].strip("'.") for found in form.finditer(said))
        people = [one for one in every if one.casefold() not in ours and not _OFFICE.match(one)]
        if people:
            return people if form is _NAMING_LINE else [one for one in people if one.casefold() in known] or people
    return [one for one in written_to if one.casefold() not in ours] or written_to[:1]


_WORDS = re.compile(r"\w{2}")


def _beside(said: str, recipient: str | None, *, alone: bool) -> str:
    """The lines that speak of a recipient: from where she is named to where the next one is; all of it where no line does."""
    if recipient is None:
        return said if alone else ""
    lines = said.splitlines()
    wanted = recipient.casefold()
    taken: list[str] = []
    speaking = False
    for line in lines:
        names = [found[0].casefold().strip("'.") for found in ADDRESS.finditer(line)]
        begins = _NAMING_LINE.match(line)
        if wanted in names:
            speaking = True
        elif (begins or (not line.strip() and not alone)) and _WORDS.search(ADDRESS.sub("", "\n".join(taken))):
            speaking = False
        if speaking:
            taken.append(line)
    return "\n".join(taken)
