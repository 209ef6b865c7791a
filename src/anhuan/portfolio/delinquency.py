"""Lateness: how overdue every account stands tonight, and how it moved against the previous sealed night.

Knows the rules of days past due, buckets, flow and the five-class grade, each written here once, as Ibis
expressions `Table -> Table` that run nothing themselves (DuckDB today, Spark when the book outgrows a machine).
Does not know files, nights' order, or what is done about an overdue account.

The standing. One row per account delivered tonight, kept from yesterday, or gone while overdue:

    account_id, customer_id, currency    as delivered (kept rows: as last delivered)
    presence                             present, carried (row set aside, yesterday's state kept), missing
    overdue, days_past_due, bucket       past_due_amount > 0 and at least one day late; else false, 0, 0
    previous_bucket                      bucket on the previous sealed night; NULL when absent or missing then
    flow                                 entered, rolled, stayed, improved, cured, vanished or NULL (no movement)
    past_due_since                       date or NULL
    balance_total_minor, past_due_amount_minor, principal_minor
    five_class, classification           our grade of the card rules, and the bank's own (NULL when it gives none)

A *missing* row shows the state last delivered, unchanged night after night until the account comes back. It is
not overdue tonight: `in_arrears` is the one place that says which rows are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
from ibis import _
from ibis.expr import types as ir

from anhuan.core.vocabulary import Bucket, Classification, Flow, Presence
from anhuan.portfolio import engine

STANDING: ibis.Schema = ibis.schema(
    {
        "account_id": "string",
        "customer_id": "string",
        "currency": "string",
        "presence": "string",
        "overdue": "boolean",
        "days_past_due": "int32",
        "bucket": "int16",
        "previous_bucket": "int16",
        "flow": "string",
        "past_due_since": "date",
        "balance_total_minor": "int64",
        "past_due_amount_minor": "int64",
        "principal_minor": "int64",
        "five_class": "string",
        "classification": "string",
    }
)

KNOWN: ibis.Schema = ibis.schema(
    {"account_id": "string", "customer_id": "string", "currency": "string", "last_seen_on": "date"}
)

# Days past due above which a bucket begins: M1 = 1-30, M2 = 31-60 ... M6 = 151-180, M7 = over 180.
_BUCKET_ABOVE: tuple[tuple[int, Bucket], ...] = (
    (180, Bucket.M7),
    (150, Bucket.M6),
    (120, Bucket.M5),
    (90, Bucket.M4),
    (60, Bucket.M3),
    (30, Bucket.M2),
    (0, Bucket.M1),
)

_GRADES: tuple[Classification, ...] = tuple(Classification)

# Days past due above which a grade is due at the least, by each of the two rules in force.
_CARD_RULE: tuple[tuple[int, Classification], ...] = (
    (180, Classification.LOSS),
    (120, Classification.DOUBTFUL),
    (90, Classification.SUBSTANDARD),
    (0, Classification.SPECIAL_MENTION),
)
_GENERAL_RULE: tuple[tuple[int, Classification], ...] = (
    (360, Classification.LOSS),
    (270, Classification.DOUBTFUL),
    (90, Classification.SUBSTANDARD),
    (0, Classification.SPECIAL_MENTION),
)

HOME_CURRENCY = "CNY"


def bucket_of(days_past_due: ir.IntegerValue) -> ir.IntegerValue:
    """The bucket (0-7, int16) of a number of calendar days past due; none, zero or fewer is M0."""
    return _ladder(days_past_due, [(above, int(bucket)) for above, bucket in _BUCKET_ABOVE]).cast("int16")


def five_class(days_past_due: ir.IntegerValue) -> ir.StringValue:
    """The five-class grade 五级分类: the stricter of the card rule and the general rule.

    Card rule: Measures on Credit Card Business, Art. 92 (1-90 days special mention, 91-120 substandard, 121-180
    doubtful, over 180 loss). General rule: Order 2023 No. 1 (over 90, 270, 360 days at least substandard, doubtful,
    loss; overdue at least special mention).
    """
    rules = (_CARD_RULE, _GENERAL_RULE)
    steps = [_ladder(days_past_due, [(above, _GRADES.index(grade)) for above, grade in rule]) for rule in rules]
    worst = ibis.greatest(*steps)
    return worst.cases(*enumerate(map(str, _GRADES)))


def in_arrears(standing: ir.Table) -> ir.BooleanColumn:
    """Which rows of a standing are overdue on its night: delivered or carried so, not those gone missing."""
    return standing.overdue & (standing.presence != Presence.MISSING)


def age(accounts: ir.Table, set_aside_ids: ir.Table, yesterday: ir.Table | None, *, business_date: date) -> ir.Table:
    """Tonight's standing of every account.

    `accounts`: the usable rows of the night. `set_aside_ids(account_id)`: keys of the rows of accounts.csv that
    were set aside; repeats, NULLs and keys that are usable all the same do no harm. `yesterday`: the standing of
    the previous sealed night, None on the first (every overdue account then *entered*).

    A row set aside keeps the account's row of yesterday as it was, flow NULL. An account overdue yesterday and
    absent today *vanished* and is missing until it reappears; reappearing overdue it *entered*, reappearing in M0
    it moved nowhere, since it was not there to be cured. An account in M0 yesterday and absent today leaves.
    """
    today = _present(accounts, business_date)
    if yesterday is None:
        return _with_flow(today.mutate(previous_bucket=ibis.null("int16")))
    before = yesterday.filter(_.presence != Presence.MISSING).select("account_id", previous_bucket=_.bucket)
    delivered = _with_flow(today.left_join(before, "account_id").drop("account_id_right"))
    return delivered.union(_kept(yesterday, accounts, set_aside_ids))


def _present(accounts: ir.Table, business_date: date) -> ir.Table:
    late = ibis.literal(business_date).delta(accounts.past_due_since, unit="day").fill_null(0)
    overdue = (accounts.past_due_amount_minor > 0) & (late >= 1)
    aged = accounts.mutate(overdue=overdue).mutate(
        days_past_due=ibis.ifelse(_.overdue, late, 0).cast("int32"), presence=ibis.literal(str(Presence.PRESENT))
    )
    return aged.mutate(bucket=bucket_of(aged.days_past_due), five_class=five_class(aged.days_past_due))


def _with_flow(today: ir.Table) -> ir.Table:
    then, now = today.previous_bucket.fill_null(0), today.bucket
    flow = ibis.cases(
        ((then == 0) & (now == 0), ibis.null("string")),
        (then == 0, str(Flow.ENTERED)),
        (now == 0, str(Flow.CURED)),
        (now > then, str(Flow.ROLLED)),
        (now < then, str(Flow.IMPROVED)),
        else_=str(Flow.STAYED),
    )
    return _as_standing(today.mutate(flow=flow))


def _kept(yesterday: ir.Table, accounts: ir.Table, set_aside_ids: ir.Table) -> ir.Table:
    """Yesterday's rows without a usable row today that stay in the standing: carried, or missing."""
    illegible = set_aside_ids.select("account_id").distinct().mutate(was_set_aside=True)
    absent = yesterday.anti_join(accounts, "account_id").left_join(illegible, "account_id").drop("account_id_right")
    absent = absent.mutate(was_set_aside=_.was_set_aside.notnull(), was_missing=_.presence == Presence.MISSING)
    # One already missing was overdue when it went, and its row still says so: it stays.
    stays = absent.filter(_.was_set_aside | _.overdue)
    return _as_standing(
        stays.mutate(
            presence=ibis.ifelse(stays.was_missing | ~stays.was_set_aside, str(Presence.MISSING), str(Presence.CARRIED)),
            previous_bucket=ibis.ifelse(stays.was_missing, ibis.null("int16"), stays.bucket),
            flow=ibis.ifelse(stays.was_missing | stays.was_set_aside, ibis.null("string"), str(Flow.VANISHED)),
        )
    )


def by_customer(standing: ir.Table) -> ir.Table:
    """One row per customer of a standing: what a case is made of.

    customer_id; bucket and days_past_due of the worst overdue account (0 without one); accounts (present or
    carried), overdue_accounts, missing_accounts; currency: CNY when owed in, else the first by code owed in (a
    customer who owes nothing tonight: the same choice among her missing accounts, else among all);
    past_due_amount_minor and balance_total_minor of the overdue accounts in that currency; other_currencies: how
    many further currencies are owed in.
    """
    late, gone = in_arrears(standing), standing.presence == Presence.MISSING
    per_currency = standing.group_by("customer_id", "currency").agg(
        bucket=ibis.ifelse(late, standing.bucket, 0).max(),
        days_past_due=ibis.ifelse(late, standing.days_past_due, 0).max(),
        accounts=(~gone).cast("int32").sum(),
        overdue_accounts=late.cast("int32").sum(),
        missing_accounts=gone.cast("int32").sum(),
        past_due_amount_minor=ibis.ifelse(late, standing.past_due_amount_minor, 0).sum(),
        balance_total_minor=ibis.ifelse(late, standing.balance_total_minor, 0).sum(),
    )
    # Sorted by this key CNY comes first, then the codes: the smallest one owed in is the main currency.
    order = ibis.ifelse(_.currency == HOME_CURRENCY, "", _.currency)
    owed, gone_in = _.overdue_accounts > 0, _.missing_accounts > 0
    main = ibis.coalesce(_.order.min(where=owed), _.order.min(where=gone_in), _.order.min())
    return (
        per_currency.mutate(order=order)
        .group_by("customer_id")
        .agg(
            bucket=_.bucket.max().cast("int16"),
            days_past_due=_.days_past_due.max().cast("int32"),
            accounts=_.accounts.sum().cast("int32"),
            overdue_accounts=_.overdue_accounts.sum().cast("int32"),
            missing_accounts=_.missing_accounts.sum().cast("int32"),
            currency=main,
            past_due_amount_minor=_.past_due_amount_minor.argmin(_.order, where=owed).fill_null(0).cast("int64"),
            balance_total_minor=_.balance_total_minor.argmin(_.order, where=owed).fill_null(0).cast("int64"),
            other_currencies=ibis.greatest(owed.cast("int32").sum() - 1, 0).cast("int16"),
        )
        .mutate(currency=ibis.ifelse(_.currency == "", HOME_CURRENCY, _.currency))
    )


def flow(standing: ir.Table) -> dict[str, int]:
    """How many accounts took each of the six movements tonight; every movement is named, also with 0. Executes."""
    moved = standing.filter(standing.flow.notnull()).group_by("flow").agg(accounts=_.count())
    counted = {row["flow"]: int(row["accounts"]) for row in engine.rows(moved)}
    return {str(kind): counted.get(str(kind), 0) for kind in Flow}


def known(previous_known: ir.Table | None, accounts: ir.Table, *, business_date: date) -> ir.Table:
    """Every account ever delivered usable: account_id, customer_id, currency, last_seen_on (as last delivered)."""
    seen = accounts.select("account_id", "customer_id", "currency", last_seen_on=ibis.literal(business_date))
    if previous_known is None:
        return seen
    return seen.union(previous_known.select(*KNOWN.names).anti_join(accounts, "account_id"))


def restate(history: ir.Table, backdated: ir.Table, standing: ir.Table) -> ir.Table:
    """What back-dated payments and reversals make of nights already sealed: customer_id, business_date, bucket.

    `history`: the standings of earlier sealed nights, together, each row with its business_date (nights before the
    earliest effective date may be left out). `backdated(account_id, effective_on)`: tonight's payments and
    reversals that take effect on or before a sealed business date. `standing`: tonight's.

    On every sealed date from its effective date on, such an account stands in the bucket that tonight's
    past_due_since gives for that date, in M0 if it is not overdue tonight. One that is carried or missing tonight
    stays as sealed, since tonight says nothing of it. All other accounts stay as sealed. The result holds the
    bucket of each customer concerned (worst account, 0 without one) on each sealed date from the first one
    touched on. An account belongs to who held it on that date, or holds it tonight when it was absent then.
    """
    nights = history.select("business_date").distinct()
    told = _told_tonight(backdated, standing)
    sealed = history.select(
        "business_date", "account_id", "customer_id", bucket=ibis.ifelse(in_arrears(history), history.bucket, 0)
    )
    retold = _retold(told, nights, sealed)
    first = retold.group_by("customer_id").agg(first_on=_.business_date.min())
    untouched = sealed.semi_join(first, "customer_id").anti_join(retold, ["account_id", "business_date"])
    both = untouched.select("customer_id", "business_date", "bucket").union(
        retold.select("customer_id", "business_date", "bucket")
    )
    worst = both.group_by("customer_id", "business_date").agg(bucket=_.bucket.max())
    every = first.cross_join(nights).filter(_.business_date >= _.first_on)
    return every.left_join(worst, ["customer_id", "business_date"]).select(
        "customer_id", "business_date", bucket=_.bucket.fill_null(0).cast("int16")
    )


def _told_tonight(backdated: ir.Table, standing: ir.Table) -> ir.Table:
    """The back-dated accounts of which tonight says something, with their earliest effective date."""
    earliest = backdated.group_by("account_id").agg(effective_on=_.effective_on.min())
    joined = earliest.left_join(
        standing.select("account_id", "presence", "overdue", "past_due_since", holder=_.customer_id), "account_id"
    ).drop("account_id_right")
    return joined.filter(_.presence.isnull() | (_.presence == Presence.PRESENT))


def _retold(told: ir.Table, nights: ir.Table, sealed: ir.Table) -> ir.Table:
    """Their buckets on each sealed date from the effective date on, with who held them then."""
    dated = told.cross_join(nights).filter(_.business_date >= _.effective_on)
    late = dated.business_date.delta(dated.past_due_since, unit="day")
    dated = dated.mutate(bucket=ibis.ifelse(dated.overdue, bucket_of(late), 0))
    held = dated.left_join(
        sealed.select("account_id", "business_date", then_holder=_.customer_id), ["account_id", "business_date"]
    )
    return held.select("account_id", "business_date", "bucket", customer_id=ibis.coalesce(_.then_holder, _.holder)).filter(
        _.customer_id.notnull()
    )


def _ladder(days: ir.IntegerValue, steps: Sequence[tuple[int, int]]) -> ir.IntegerValue:
    """The value of the first step (highest first) that `days` lies above, else 0."""
    return ibis.cases(*((days > above, value) for above, value in steps), else_=0)


def _as_standing(table: ir.Table) -> ir.Table:
    return table.select(*(table[name].cast(kind) for name, kind in STANDING.items()))
