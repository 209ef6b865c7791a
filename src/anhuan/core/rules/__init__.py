"""What rules can ask: one class per kind of question, named in the statutes by `judged_by`.

A new kind of question is a class here; a new rule is an entry of the rulebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from anhuan.core.law import Test
from anhuan.core.rules import caps, conduct, holds, hours, parties

TESTS: Mapping[str, type[Test]] = MappingProxyType(
    {
        "quiet_hours": hours.QuietHours,
        "public_holiday": hours.PublicHoliday,
        "stated_block": hours.StatedBlock,
        "bad_time": hours.BadTime,
        "barred_place": hours.BarredPlace,
        "place_of_care": hours.PlaceOfCare,
        "cap": caps.Cap,
        "spacing": caps.Spacing,
        "unrelated_person": parties.UnrelatedPerson,
        "sealed_until_lost": parties.SealedUntilLost,
        "sealed_by_refusal": parties.SealedByRefusal,
        "one_third_person_at_a_time": parties.OneThirdPersonAtATime,
        "outside_circle": parties.OutsideCircle,
        "number_of_another": parties.NumberOfAnother,
        "located_once": parties.LocatedOnce,
        "status_bar": parties.StatusBar,
        "represented": parties.Represented,
        "held": holds.Held,
        "ceased": holds.Ceased,
        "opted_out": holds.OptedOut,
        "voice_consent": holds.VoiceConsent,
        "electronic_route": holds.ElectronicRoute,
        "must_be": conduct.MustBe,
        "at_least": conduct.AtLeast,
        "never": conduct.Never,
        "no_uninvited_entry": conduct.NoUninvitedEntry,
        "never_says": conduct.NeverSays,
        "no_suit_on_time_barred": conduct.NoSuitOnTimeBarred,
        "refused_as_time_barred": conduct.RefusedAsTimeBarred,
        "letter_shows": conduct.LetterShows,
        "voicemail_holds": conduct.VoicemailHolds,
    }
)
