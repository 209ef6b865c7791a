"""What can be wrong with a row whose cells are all readable, in SQL: columns that contradict each other.

Knows balances, past-due dates, resident ids (GB 11643), card numbers (Luhn) and contact values. Does not know how a
cell is read (`cells`), other rows or other files (`reading`). A condition that is NULL counts as FALSE.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from anhuan.core.vocabulary import ContactKind, IdType, PaymentKind
from anhuan.portfolio.feed.cells import Fault, matches
from anhuan.portfolio.feed.columns import ACCOUNTS, COMPONENTS, CONTACT_POINTS, CUSTOMERS, PAYMENTS, Column, FileTable

_OLDEST = 120
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643, ISO 7064 MOD 11-2
_ID_CHECK = "10X98765432"
_CARD = "[34569][0-9]{12,18}"  # travel and entertainment, Visa, Mastercard, UnionPay and others


def derived(table: FileTable, business_date: date) -> dict[str, str]:
    """Columns that a file's table has beyond the delivered ones, as SQL over its typed columns."""
    if table is not CUSTOMERS:
        return {}
    today = business_date.year * 10000 + business_date.month * 100 + business_date.day
    born = "year(birth_date) * 10000 + month(birth_date) * 100 + day(birth_date)"
    since = f"({today} - ({born}))"
    return {"age": f"CASE WHEN {since} BETWEEN 0 AND {_OLDEST}9999 THEN CAST({since} // 10000 AS SMALLINT) END"}


def faults(table: FileTable, business_date: date) -> Iterator[Fault]:
    """Everything that can be wrong with one row of `table` as a whole."""
    day = f"DATE '{business_date.isoformat()}'"
    if table is CUSTOMERS:
        yield from _customer()
    elif table is CONTACT_POINTS:
        yield _fault("contact_value_odd", CONTACT_POINTS.column("value"), _odd_contact())
    elif table is ACCOUNTS:
        yield from _account(day)
    else:
        yield from _payment(day)


def _fault(code: str, column: Column, condition: str, suspicion: str | None = None) -> Fault:
    return Fault(code, column, condition, suspicion=suspicion or condition)


def _customer() -> Iterator[Fault]:
    number, born = CUSTOMERS.column("id_number"), CUSTOMERS.column("birth_date")
    yield _fault("birth_date_odd", born, "birth_date IS NOT NULL AND age IS NULL")
    resident = f"id_type = '{IdType.RESIDENT_ID}' AND id_number IS NOT NULL"
    yield _fault("id_number_invalid", number, f"{resident} AND NOT ({_resident_id('id_number')})")
    differs = f"{resident} AND CAST({_birth_inside('id_number')} AS DATE) <> birth_date"
    yield _fault("id_contradicts_birth_date", number, differs)


def _birth_inside(cell: str) -> str:
    return f"try_strptime(substr({cell}, 7, 8), '%Y%m%d')"


def _resident_id(cell: str) -> str:
    """SQL: 18 places with the right check digit and a birth date that exists."""
    digits = (f"(ascii(substr({cell}, {place}, 1)) - {ord('0')})" for place in range(1, 18))
    total = " + ".join(f"{digit} * {weight}" for digit, weight in zip(digits, _ID_WEIGHTS, strict=True))
    check = f"substr('{_ID_CHECK}', CAST(({total}) % 11 AS INTEGER) + 1, 1)"
    return (
        f"CASE WHEN {matches(cell, '[0-9]{17}[0-9Xx]')} "
        f"THEN {check} = upper(substr({cell}, 18, 1)) AND {_birth_inside(cell)} IS NOT NULL ELSE false END"
    )


def card_number(cell: str) -> str:
    """SQL: 13-19 digits with an issuer prefix that pass Luhn."""
    number = f"try_cast({cell} AS UBIGINT)"
    digits = [f"({number} // {10**place} % 10)" for place in range(19)]
    # Every second digit from the right is doubled, and nine taken off what passes nine.
    total = " + ".join(
        f"CAST({digit} AS INTEGER)"
        if place % 2 == 0
        else f"(CAST({digit} AS INTEGER) * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)"
        for place, digit in enumerate(digits)
    )
    return f"CASE WHEN {matches(cell, _CARD)} THEN ({total}) % 10 = 0 ELSE false END"


def _odd_contact() -> str:
    phones = f"kind IN ('{ContactKind.MOBILE}', '{ContactKind.PHONE}')"
    digits = "length(regexp_replace(value, '[^0-9]', '', 'g'))"
    number = f"{matches('value', '[+0-9(][0-9 ()./*#;,extEXT转-]*')} AND {digits} >= 5"
    mail = matches("value", "[^@\\s]+@[^@\\s]+")
    # Most numbers are digits alone, perhaps with a plus sign: the cheap question first. And no CASE, which would put
    # every question to every row.
    odd_number = f"(strlen(value) < 5 OR try_cast(replace(value, '+', '') AS UBIGINT) IS NULL AND NOT ({number}))"
    return f"{phones} AND {odd_number} OR kind = '{ContactKind.EMAIL}' AND NOT {mail}"


def _account(day: str) -> Iterator[Fault]:
    column = ACCOUNTS.column
    yield _fault("card_number", column("account_id"), card_number("account_id"))
    parts = " + ".join(f"{name}_minor" for name in COMPONENTS)
    yield _fault("balance_not_sum", column("balance_total"), f"balance_total_minor <> {parts}")
    since = column("past_due_since")
    late = "past_due_amount_minor > 0"
    yield _fault("past_due_since_missing", since, f"{late} AND c_past_due_since = ''", f"{late} AND past_due_since IS NULL")
    yield _fault("past_due_since_future", since, f"past_due_since > {day}")
    yield _fault("past_due_since_unexpected", since, "past_due_amount_minor = 0 AND past_due_since IS NOT NULL")
    yield _fault("due_before_statement", column("due_date"), "due_date < statement_date")
    for name in ("opened_on", "last_payment_on"):
        yield _fault("date_in_future", column(name), f"{name} > {day}")


def _payment(day: str) -> Iterator[Fault]:
    column = PAYMENTS.column
    yield _fault("payment_of_nil", column("amount"), "amount_minor = 0")
    yield _fault("reversal_of_nothing", column("reverses"), f"kind = '{PaymentKind.REVERSAL}' AND reverses = ''")
    for name in ("posted_on", "effective_on"):
        yield _fault("date_in_future", column(name), f"{name} > {day}")
