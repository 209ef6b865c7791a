"""The closed words of the house, one enum per list of values.

A word that a bank's feed, a screen and a rule all use is written here once. The values are the stable
machine words of the data contract; each member may carry its Chinese and English label for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Bucket(IntEnum):
    """Delinquency bucket 账龄: M0 not overdue, M1 = 1-30 days past due ... M6 = 151-180, M7 = over 180."""

    M0 = 0
    M1 = 1
    M2 = 2
    M3 = 3
    M4 = 4
    M5 = 5
    M6 = 6
    M7 = 7


class IdType(StrEnum):
    RESIDENT_ID = "resident_id"
    PASSPORT = "passport"
    HK_MACAU_PERMIT = "hk_macau_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    OTHER = "other"


class Sex(StrEnum):
    MALE = "m"
    FEMALE = "f"


class CustomerFlag(StrEnum):
    """What the bank knows of a person that changes how, or whether, she may be contacted."""

    DECEASED = "deceased"
    INCAPACITATED = "incapacitated"
    BANKRUPT = "bankrupt"
    REPRESENTED_BY_ATTORNEY = "represented_by_attorney"
    STAFF = "staff"
    STUDENT = "student"
    MILITARY = "military"
    VULNERABLE = "vulnerable"
    DISASTER_AREA = "disaster_area"
    SERIOUS_ILLNESS = "serious_illness"


class ContactKind(StrEnum):
    MOBILE = "mobile"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    APP = "app"


class Party(StrEnum):
    """Who stands at the other side of a contact, by relation to the debtor."""

    DEBTOR = "debtor"
    GUARANTOR = "guarantor"
    SPOUSE = "spouse"
    PARENT = "parent"
    GUARDIAN = "guardian"
    EXECUTOR = "executor"
    HEIR = "heir"
    ATTORNEY = "attorney"
    RELATIVE = "relative"
    COLLEAGUE = "colleague"
    NEIGHBOUR = "neighbour"
    FRIEND = "friend"
    EMERGENCY_CONTACT = "emergency_contact"
    OTHER = "other"


DELIVERED_PARTIES = (
    Party.DEBTOR,
    Party.GUARANTOR,
    Party.SPOUSE,
    Party.RELATIVE,
    Party.COLLEAGUE,
    Party.EMERGENCY_CONTACT,
    Party.OTHER,
)
"""Whose contact point a bank's feed may say it is: the data contract's list."""


class Place(StrEnum):
    HOME = "home"
    WORK = "work"
    OTHER = "other"


class BlockCode(StrEnum):
    """Lock on the account 锁定码 as the bank's core reports it."""

    NONE = "none"
    FROZEN = "frozen"
    LOST = "lost"
    FRAUD = "fraud"
    DISPUTE = "dispute"
    DECEASED = "deceased"
    CHARGED_OFF = "charged_off"
    CLOSED = "closed"


class Classification(StrEnum):
    """Five-class grade 五级分类, from best to worst."""

    NORMAL = "normal"
    SPECIAL_MENTION = "special_mention"
    SUBSTANDARD = "substandard"
    DOUBTFUL = "doubtful"
    LOSS = "loss"


class PaymentKind(StrEnum):
    PAYMENT = "payment"
    AUTOPAY = "autopay"
    AGENCY_REMITTANCE = "agency_remittance"
    COURT_RECOVERY = "court_recovery"
    REVERSAL = "reversal"
    WAIVER = "waiver"


class Presence(StrEnum):
    """How an account stands in a night: delivered, kept from yesterday because its row was set aside, or absent."""

    PRESENT = "present"
    CARRIED = "carried"
    MISSING = "missing"


class Flow(StrEnum):
    """Movement of an account against the previous sealed night."""

    ENTERED = "entered"
    ROLLED = "rolled"
    IMPROVED = "improved"
    STAYED = "stayed"
    CURED = "cured"
    VANISHED = "vanished"


class Heap(StrEnum):
    """Where an account of the feed ended tonight; every account read is in exactly one heap."""

    CURRENT = "current"
    CURED = "cured"
    PROPOSED = "proposed"
    HELD = "held"
    REFUSED = "refused"
    NO_CAPACITY = "no_capacity"
    NO_ACTION = "no_action"
    SET_ASIDE = "set_aside"


class CaseStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class NightStatus(StrEnum):
    """Life of a night in records: begun, finished, or overtaken by a replacing delivery."""

    RUNNING = "running"
    SEALED = "sealed"
    REPLACED = "replaced"


class Severity(StrEnum):
    """Weight of a finding: the row is used all the same, or it was set aside."""

    WARNING = "warning"
    SET_ASIDE = "set_aside"


# --- Contacts and the gate -----------------------------------------------------------------------------------------


class Channel(StrEnum):
    """How somebody is reached. `voicemail` is a call whose message is known beforehand."""

    CALL = "call"
    VOICEMAIL = "voicemail"
    RINGLESS_VOICEMAIL = "ringless_voicemail"
    SMS = "sms"
    EMAIL = "email"
    LETTER = "letter"
    VISIT = "visit"
    PORTAL_PUSH = "portal_push"
    PORTAL_CONTENT = "portal_content"
    PUBLIC_POST = "public_post"


CALLS = frozenset({Channel.CALL, Channel.VOICEMAIL, Channel.RINGLESS_VOICEMAIL})
"""What a rule, a request or a consent for `call` means."""


class Direction(StrEnum):
    """`inbound`: the person contacted us."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Purpose(StrEnum):
    COLLECT = "collect"
    RESPOND = "respond"
    REQUIRED_NOTICE = "required_notice"
    REMEDY_NOTICE = "remedy_notice"
    CONFIRM_OPT_OUT = "confirm_opt_out"
    LOCATE = "locate"
    ACCEPT_OFFER = "accept_offer"
    ESTATE = "estate"
    SERVICE = "service"


class LineResult(StrEnum):
    """What became of a call on the line."""

    CONNECTED = "connected"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    SWITCHED_OFF = "switched_off"
    INVALID_NUMBER = "invalid_number"
    NOT_IN_SERVICE = "not_in_service"
    VOICEMAIL = "voicemail"


class Outcome(StrEnum):
    """What was said: the first four after `connected`, the last three after `voicemail`."""

    EFFECTIVE_CONVERSATION = "effective_conversation"
    CONVERSATION = "conversation"
    HUNG_UP = "hung_up"
    DROPPED = "dropped"
    MESSAGE_LEFT = "message_left"
    LIMITED_CONTENT_MESSAGE = "limited_content_message"
    NO_MESSAGE = "no_message"


class PointKind(StrEnum):
    """What a contact point is, and where it is tied to."""

    MOBILE = "mobile"
    HOME_PHONE = "home_phone"
    WORK_PHONE = "work_phone"
    OTHER_PHONE = "other_phone"
    PERSONAL_EMAIL = "personal_email"
    WORK_EMAIL = "work_email"
    HOME_ADDRESS = "home_address"
    WORK_ADDRESS = "work_address"
    HOSPITAL_OR_CARE = "hospital_or_care"
    OTHER_ADDRESS = "other_address"


class DebtorStatus(StrEnum):
    DECEASED = "deceased"
    NO_CAPACITY = "no_capacity"


class Covers(StrEnum):
    """What a consent lifts, and nothing else."""

    HOURS = "hours"
    FREQUENCY = "frequency"
    ATTEMPTS = "attempts"
    MEDIUM = "medium"
    ARTIFICIAL_VOICE = "artificial_voice"
    THIRD_PARTY = "third_party"
    SENSITIVE_NOTE = "sensitive_note"  # lifts no rule of the gate: a note of health or the like may be kept (PIPL, Arts. 28-29)


class HoldKind(StrEnum):
    """Why collection of a debt is stopped 停催."""

    PLAN = "plan"
    DISPUTE = "dispute"
    FRAUD = "fraud"
    COMPLAINT = "complaint"
    BANKRUPTCY = "bankruptcy"
    BREATHING_SPACE = "breathing_space"
    ADVISER_PLAN = "adviser_plan"
    HARDSHIP = "hardship"
    LITIGATION = "litigation"
    PAYMENT_CHECK = "payment_check"


class Route(StrEnum):
    """The safe-harbour route an e-mail or text in the United States relies on (12 CFR 1006.6(d))."""

    OWN_USE = "own_use"
    CONSENT = "consent"
    CREDITOR_NOTICE = "creditor_notice"
    PRIOR_COLLECTOR = "prior_collector"


class Says(StrEnum):
    """What an attempt says that a rule may forbid."""

    POSES_AS_BANK = "poses_as_bank"
    POSES_AS_AUTHORITY = "poses_as_authority"
    INVENTED_BLACKLIST = "invented_blacklist"
    URGES_NEW_BORROWING = "urges_new_borrowing"
    THREATENS_VIOLENCE = "threatens_violence"
    ABUSIVE_LANGUAGE = "abusive_language"
    FALSE_AMOUNT = "false_amount"
    MISLEADING_REASON = "misleading_reason"
    THREATENS_SUIT = "threatens_suit"
    OVERSHADOWS_DISPUTE_RIGHT = "overshadows_dispute_right"
    ASKS_BETTER_TIME = "asks_better_time"
    ASKS_TO_CONTINUE_NOW = "asks_to_continue_now"


class LetterItem(StrEnum):
    """What a Chinese collection letter must show (Credit Card Measures, Art. 69)."""

    NAME = "name"
    BALANCE = "balance"
    REASON = "reason"
    LEGAL_BASIS = "legal_basis"
    RIGHTS_AND_DUTIES = "rights_and_duties"
    ACCOUNT_AND_REPAYMENT_QUERY = "account_and_repayment_query"
    OBJECTION_AND_EVIDENCE_CHANNEL = "objection_and_evidence_channel"
    CONTACT_DETAILS = "contact_details"
    BUSINESS_SEAL = "business_seal"


class VoicemailItem(StrEnum):
    """What a voicemail may hold (12 CFR 1006.2(j)); the last two make it more than a limited-content message."""

    CALLER_NAME = "caller_name"
    NEUTRAL_BUSINESS_NAME = "neutral_business_name"
    REQUEST_TO_REPLY = "request_to_reply"
    CONTACT_PERSON = "contact_person"
    CALLBACK_NUMBER = "callback_number"
    SALUTATION = "salutation"
    DATE_TIME = "date_time"
    REPLY_TIMES = "reply_times"
    ANY_REPRESENTATIVE = "any_representative"
    DEBT_COLLECTOR = "debt_collector"
    NAMED_RECEIVABLES_GROUP = "named_receivables_group"


class RuleTopic(StrEnum):
    """What a rule of the gate is about."""

    QUIET_HOURS = "quiet_hours"
    PUBLIC_HOLIDAY = "public_holiday"
    FREQUENCY_ATTEMPTS = "frequency_attempts"
    FREQUENCY_CONVERSATIONS = "frequency_conversations"
    HARASSMENT = "harassment"
    INCONVENIENT_TIME = "inconvenient_time"
    INCONVENIENT_PLACE = "inconvenient_place"
    REPRESENTED = "represented"
    CEASE = "cease"
    OPT_OUT = "opt_out"
    OPT_OUT_NOTICE = "opt_out_notice"
    ELECTRONIC_ROUTE = "electronic_route"
    CONSENT = "consent"
    THIRD_PARTY = "third_party"
    LOCATION_CONTACT = "location_contact"
    DECEASED = "deceased"
    INCAPACITY = "incapacity"
    HOLD_PLAN = "hold_plan"
    HOLD_DISPUTE = "hold_dispute"
    HOLD_FRAUD = "hold_fraud"
    HOLD_COMPLAINT = "hold_complaint"
    HOLD_BANKRUPTCY = "hold_bankruptcy"
    HOLD_BREATHING_SPACE = "hold_breathing_space"
    TIME_BARRED = "time_barred"
    CONTENT = "content"
    IDENTITY = "identity"
    RECORDING = "recording"
    STAFF = "staff"
    ENTRY = "entry"
    LETTER_CONTENT = "letter_content"
    LETTER_FORM = "letter_form"
    ADDRESSEE = "addressee"
    VOICEMAIL_CONTENT = "voicemail_content"
    PUBLIC_EXPOSURE = "public_exposure"
    DEVICE = "device"
    AGENCY = "agency"


class Force(StrEnum):
    """How strong the source of a rule is."""

    BINDING = "binding"
    NATIONAL_STANDARD = "national_standard"
    SELF_REGULATION = "self_regulation"
    SAFE_HARBOUR = "safe_harbour"
    HOUSE_RULE = "house_rule"


class Confidence(StrEnum):
    """Whether a statement of law rests on the text itself, on reports of it, or on general knowledge."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    UNCONFIRMED = "unconfirmed"


BANK = "bank"
"""The actor that is the bank itself; an outside agency is `agency:<id>`."""


# --- what the gate's words are called in a sentence ----------------------------------------------------------------

LABELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # whom
        "debtor": ("债务人", "the debtor"),
        "guarantor": ("担保人", "a guarantor"),
        "spouse": ("配偶", "the spouse"),
        "parent": ("父母", "a parent"),
        "guardian": ("监护人", "the guardian"),
        "executor": ("遗嘱执行人", "the executor"),
        "heir": ("继承人", "an heir"),
        "attorney": ("律师", "the attorney"),
        "relative": ("亲属", "a relative"),
        "colleague": ("同事", "a colleague"),
        "neighbour": ("邻居", "a neighbour"),
        "friend": ("朋友", "a friend"),
        "emergency_contact": ("紧急联系人", "an emergency contact"),
        "other": ("其他人", "another person"),
        # where, and by which route
        "home": ("住宅", "the home"),
        "work": ("工作单位", "the workplace"),
        "own_use": ("本人曾主动使用", "the consumer's own use"),
        "consent": ("本人同意", "the consumer's consent"),
        "creditor_notice": ("债权人通知", "the creditor's notice"),
        "prior_collector": ("前一催收机构", "a prior collector"),
        "work_email": ("工作邮箱", "an e-mail address at work"),
        # what is said
        "poses_as_bank": ("冒充银行", "posing as the bank"),
        "poses_as_authority": ("冒充国家机关", "posing as an authority"),
        "invented_blacklist": ("虚构黑名单", "an invented blacklist"),
        "urges_new_borrowing": ("诱导新增借贷", "urging new borrowing"),
        "threatens_violence": ("暴力威胁", "a threat of violence"),
        "abusive_language": ("辱骂", "abusive language"),
        "false_amount": ("虚假金额", "a false amount"),
        "misleading_reason": ("误导性理由", "a misleading reason"),
        "threatens_suit": ("以起诉相威胁", "a threat of suit"),
        "overshadows_dispute_right": ("掩盖异议权", "words that overshadow the right to dispute"),
        "asks_better_time": ("询问合适时间", "asking for a better time"),
        "asks_to_continue_now": ("要求现在继续", "asking to go on now"),
        # what a letter shows
        "name": ("姓名", "the name"),
        "balance": ("欠款余额", "the balance owed"),
        "reason": ("催收事由", "the reason for collection"),
        "legal_basis": ("法律依据", "the laws relied on"),
        "rights_and_duties": ("持卡人权利义务", "the cardholder's rights and duties"),
        "account_and_repayment_query": ("账户查询与还款方式", "how to look up the account and repay"),
        "objection_and_evidence_channel": ("异议与举证渠道", "how to object and supply evidence"),
        "contact_details": ("发卡行联系方式", "the issuer's contact details"),
        "business_seal": ("业务公章", "the business seal"),
        # what a voicemail holds
        "caller_name": ("来电者姓名", "the caller's name"),
        "neutral_business_name": ("中性机构名称", "a neutral business name"),
        "request_to_reply": ("回电请求", "a request to reply"),
        "contact_person": ("联系人姓名", "the name of a person to ask for"),
        "callback_number": ("回电号码", "a number to call back"),
        "salutation": ("问候语", "a salutation"),
        "date_time": ("日期与时间", "the date and time"),
        "reply_times": ("建议回电时段", "suggested times to reply"),
        "any_representative": ("可与任一客服联系的说明", "a word that any representative may be asked for"),
        "debt_collector": ("“催收机构”字样", "the word debt collector"),
        "named_receivables_group": ("应收账款部门名称", "the name of a receivables group"),
        # facts that may be missing
        "timezones": ("所在时区", "the person's time zones"),
        "contacts": ("联系记录", "the history of contacts"),
        "consents": ("同意记录", "the consents given"),
        "points": ("联系方式清单", "the contact points on file"),
        "point": ("所用联系方式的类型", "what kind of contact point it is"),
        "people": ("相关人员资料", "the people on file"),
        "person": ("该人身份", "who the person is"),
        "status": ("债务人是否健在及行为能力", "whether the debtor is alive and has capacity"),
        "holds": ("停催记录", "the holds in force"),
        "debts": ("债务资料", "the debts it is about"),
        "opt_outs": ("退订记录", "the opt-outs"),
        "ceased_at": ("停止联系通知", "whether a notice to cease has been received"),
        "time_blocks": ("不便时段记录", "the times named as inconvenient"),
        "place_bars": ("不便处所记录", "the places named as inconvenient"),
        "bad_times": ("通话中表示不便的记录", "whether a call was said to come at a bad time"),
        "whereabouts": ("当前所在处所", "where the person is now"),
        "wrong_numbers": ("错号记录", "the wrong numbers learnt"),
        "refused_by": ("第三人拒绝记录", "who has refused further contact"),
        "invited_by": ("第三人邀请记录", "who has invited further contact"),
        "transfer_notices": ("邮箱移交通知记录", "the creditor's notices about e-mail addresses"),
        "number_checks": ("号码重新分配查询记录", "the checks of reassigned numbers"),
        "calendar": ("节假日日历", "the calendar of rest days"),
        "automated": ("是否自动拨打或发送", "whether it is automated"),
        "identifies_institution": ("是否表明机构身份", "whether the institution is named"),
        "recorded": ("是否录音", "whether it is recorded"),
        "includes_opt_out": ("是否附退订方式", "whether it carries an opt-out"),
        "id_shown": ("是否出示证件", "whether identification is shown"),
        "agency_announced": ("是否已告知委托机构", "whether the debtor was told of the agency"),
        "agency_listed": ("机构是否在公布名单内", "whether the agency is on the published list"),
        "discloses_debt": ("是否透露债务", "whether the debt is disclosed"),
        "says": ("所说内容", "what is said"),
        "voicemail_items": ("留言内容", "what the message holds"),
        "letter_items": ("函件内容", "what the letter shows"),
        "postcard": ("是否为明信片", "whether it is a postcard"),
        "to_occupier": ("是否致“住户”", "whether it is addressed to the occupier"),
        "staff_count": ("外访人数", "how many visitors there are"),
        "enters_premises": ("是否进入场所", "whether premises are entered"),
        "entry_consent": ("是否同意进入", "whether entry was consented to"),
        "private_device": ("是否使用私人设备", "whether a private device is used"),
    }
)
"""A word of the gate as a person calls it, in Chinese and in English."""

CITIES: Mapping[str, str] = MappingProxyType(
    {
        "Shanghai": "北京",
        "Urumqi": "乌鲁木齐",
        "Hong Kong": "香港",
        "Macau": "澳门",
        "Taipei": "台北",
        "Tokyo": "东京",
        "Singapore": "新加坡",
        "London": "伦敦",
        "Sydney": "悉尼",
        "New York": "纽约",
        "Chicago": "芝加哥",
        "Denver": "丹佛",
        "Phoenix": "菲尼克斯",
        "Los Angeles": "洛杉矶",
        "Honolulu": "檀香山",
    }
)
"""Cities whose time a zone is named after, in Chinese; China calls its own Beijing time."""
