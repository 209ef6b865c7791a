"""The closed words of the house, one enum per list of values.

A word that a bank's feed, a screen and a rule all use is written here once. The values are the stable
machine words of the data contract; each member may carry its Chinese and English label for people.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


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
