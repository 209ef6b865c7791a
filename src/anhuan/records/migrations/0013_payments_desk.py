"""The payments desk: what is heard of payments, what is counted before the night, suspense, and what the bank is told back."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# Everything that counts as paid or taken back, each once: see `records.payment.Paid`.
PAID = """
CREATE VIEW records_paid AS
SELECT payment_id, account_id, posted_on, effective_on, amount_minor, currency, kind, reverses, channel, false AS provisional
FROM records_payment WHERE kind <> 'waiver'
UNION ALL
SELECT p.posting_id::text, p.account_id, p.effective_on, p.effective_on, p.amount_minor, p.currency, p.kind,
       coalesce(nullif(p.reverses_payment, ''), r.confirmed_by, p.reverses_posting::text, ''), '', true
FROM records_posting p LEFT JOIN records_posting r ON r.posting_id = p.reverses_posting
WHERE p.state = 'provisional'
"""

# A change of what the bank is told is noted in the transaction that makes it. Only the columns named are kept, so that nothing
# else can leave by this way; a change of others alone is none. The function of each table names its columns outright, which is half the
# cost of choosing them row by row. What a history tells us of the old system's conduct is not told back: its transaction says so.
CHANGES = """
CREATE FUNCTION records_tell(a_table text, noun text, columns text[], only_where text DEFAULT 'true') RETURNS void LANGUAGE plpgsql AS $tell$
DECLARE
    named text;
    same text;
BEGIN
    SELECT string_agg(format('%1$L, NEW."%1$s"', name), ', '),
           string_agg(format('NEW."%1$s" IS NOT DISTINCT FROM OLD."%1$s"', name), ' AND ')
    INTO named, same FROM unnest(columns) name;
    EXECUTE format('CREATE OR REPLACE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS $note$
        BEGIN
            IF TG_OP = ''UPDATE'' THEN
                IF %s THEN RETURN NULL; END IF;
            END IF;
            IF current_setting(''anhuan.untold'', true) IS DISTINCT FROM ''yes'' THEN
                INSERT INTO records_change (noun, row) VALUES (%L, jsonb_build_object(%s));
            END IF;
            RETURN NULL;
        END $note$', 'records_note_' || noun, same, noun, named);
    EXECUTE format('CREATE OR REPLACE TRIGGER change_noted AFTER INSERT OR UPDATE ON %I FOR EACH ROW WHEN (%s)'
                   ' EXECUTE FUNCTION %I(%L, %L)', a_table, only_where, 'records_note_' || noun, noun, columns::text);
END
$tell$;
"""

TOLD = """
SELECT records_tell('records_contact', 'contact', '{contact_id,customer_id,channel,direction,party,purpose,actor,automated,debts,
    origin,state,line_result,outcome,started_at,closed_at,by}',
    $$NEW.state IN ('completed', 'unknown') AND NEW.origin <> 'imported'$$);
SELECT records_tell('records_promise', 'promise', '{promise_id,customer_id,account_id,amount_minor,currency,due_on,state,paid_minor,
    settled_on,at,by}');
SELECT records_tell('records_plan', 'plan', '{plan_id,customer_id,accounts,currency,kind,state,principal_minor,waived_minor,total_minor,
    effective_annual_rate,agreed_at,agreed_by,paid_minor,missed,replaces,ended_at,ended_why}',
    $$NEW.state NOT IN ('proposed', 'approved')$$);
SELECT records_tell('records_waiver', 'waiver', '{waiver_id,customer_id,account_id,currency,component,amount_minor,reason,state,plan_id,
    proposed_by,granted_at,ended_at}', $$NEW.state <> 'proposed'$$);
SELECT records_tell('records_hold', 'hold', '{hold_id,customer_id,kind,debts,begins,ends,until_date,reason,registered_at,registered_by}');
SELECT records_tell('records_pointfinding', 'contact_point', '{id,customer_id,kind,point_id,at,by}');
SELECT records_tell('records_suspense', 'suspense', '{entry_id,state,decision,reason,decided_at,decided_by,approved_by}',
    $$NEW.state NOT IN ('open', 'proposed') OR NEW.undone$$);
"""

# What a message told before there were postings is known, and changes nothing when it is told again.
NOTICES = """
INSERT INTO records_paymententry (entry_id, line, source, reference, gateway, payment_id, kind, reverses, amount_minor, currency,
                                  effective_on, channel, account_id, how, result, at)
SELECT gen_random_uuid(), 0, 'notice', payment_id, '', payment_id, 'payment', '', amount_minor, currency, effective_on, '', account_id,
       'account', 'known', heard_at
FROM records_paymentnotice WHERE amount_minor > 0
"""


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0012_plans"),
    ]

    operations = [
        migrations.CreateModel(
            name="Paid",
            fields=[
                ("payment_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("account_id", models.CharField(max_length=32)),
                ("posted_on", models.DateField()),
                ("effective_on", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("kind", models.CharField(max_length=20)),
                ("reverses", models.CharField(max_length=64)),
                ("channel", models.TextField()),
                ("provisional", models.BooleanField()),
            ],
            options={
                "db_table": "records_paid",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="PaymentImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("format", models.CharField(max_length=10)),
                ("layout", models.CharField(blank=True, max_length=40)),
                ("state", models.CharField(max_length=10)),
                ("rows", models.IntegerField(default=0)),
                ("sums", models.JSONField(default=dict)),
                ("findings", models.IntegerField(default=0)),
                ("known", models.IntegerField(default=0)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="PaymentEntry",
            fields=[
                (
                    "file",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="records.paymentimport",
                    ),
                ),
                ("entry_id", models.UUIDField(primary_key=True, serialize=False)),
                ("line", models.IntegerField()),
                ("source", models.CharField(max_length=60)),
                ("reference", models.CharField(db_collation="C", max_length=140)),
                ("gateway", models.CharField(blank=True, db_collation="C", max_length=140)),
                ("payment_id", models.CharField(blank=True, db_collation="C", max_length=64)),
                ("kind", models.CharField(max_length=20)),
                ("reverses", models.CharField(blank=True, db_collation="C", max_length=140)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("effective_on", models.DateField()),
                ("channel", models.CharField(blank=True, max_length=40)),
                ("account_id", models.CharField(blank=True, db_collation="C", max_length=32)),
                ("how", models.CharField(blank=True, max_length=20)),
                ("result", models.CharField(blank=True, max_length=10)),
                ("posting_id", models.UUIDField(null=True)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="PaymentFinding",
            fields=[
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="told", to="records.paymentimport"
                    ),
                ),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("line", models.IntegerField()),
                ("column", models.CharField(blank=True, max_length=40)),
                ("code", models.CharField(max_length=40)),
                ("row_id", models.UUIDField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PaymentKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("kind", "key", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(db_collation="C", max_length=140)),
                ("account_id", models.CharField(db_collation="C", max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                ("posting_id", models.UUIDField(primary_key=True, serialize=False)),
                ("account_id", models.CharField(db_collation="C", max_length=32)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("effective_on", models.DateField()),
                ("kind", models.CharField(max_length=20)),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("payment_id", models.CharField(blank=True, db_collation="C", max_length=64)),
                ("reverses_posting", models.UUIDField(null=True)),
                ("reverses_payment", models.CharField(blank=True, db_collation="C", max_length=64)),
                ("state", models.CharField(default="provisional", max_length=11)),
                ("confirmed_by", models.CharField(db_collation="C", max_length=64, null=True)),
                ("confirmed_in", models.BigIntegerField(null=True)),
                (
                    "differs",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), default=list, size=None
                    ),
                ),
                ("suspense_id", models.UUIDField(null=True)),
                ("posted_at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
            ],
        ),
        migrations.CreateModel(
            name="PaymentAllocation",
            fields=[
                (
                    "posting",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="allocations", to="records.posting"
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "posting_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.SmallIntegerField()),
                ("component", models.CharField(max_length=20)),
                ("amount_minor", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Suspense",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="suspense",
                        serialize=False,
                        to="records.paymententry",
                    ),
                ),
                ("state", models.CharField(default="open", max_length=10)),
                ("why", models.CharField(max_length=40)),
                ("since", models.DateTimeField()),
                ("decision", models.JSONField(null=True)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("approved_at", models.DateTimeField(null=True)),
                ("approved_by", models.CharField(blank=True, max_length=150)),
                ("holds", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ("undone", models.BooleanField(db_default=False, default=False)),
            ],
        ),
        migrations.CreateModel(
            name="SuspenseCandidate",
            fields=[
                (
                    "suspense",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="candidates", to="records.suspense"
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "suspense_id", "account_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.CharField(db_collation="C", max_length=32)),
                ("customer_id", models.CharField(db_collation="C", max_length=32)),
                ("why", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None)),
                ("score", models.SmallIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Extract",
            fields=[
                ("sequence", models.BigAutoField(primary_key=True, serialize=False)),
                ("business_date", models.DateField(unique=True)),
                ("begun_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("layout", models.CharField(max_length=40)),
                ("manifest", models.JSONField(default=dict)),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("rejected", models.IntegerField(default=0)),
                ("by", models.CharField(max_length=150)),
            ],
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                (
                    "extract",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="records.extract"
                    ),
                ),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("noun", models.CharField(max_length=20)),
                ("row", models.JSONField()),
                ("answer", models.CharField(blank=True, db_default="", default="", max_length=10)),
                ("answer_code", models.CharField(blank=True, db_default="", default="", max_length=80)),
            ],
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(fields=["account_id", "-effective_on"], name="posting_by_account"),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(fields=["customer_id"], name="posting_by_customer"),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(
                condition=models.Q(("payment_id", ""), _negated=True), fields=["payment_id"], name="posting_by_payment_id"
            ),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(fields=["reverses_posting"], name="posting_by_reversed"),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(condition=models.Q(("state", "provisional")), fields=["effective_on"], name="posting_waiting"),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="posting_of_something"),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.UniqueConstraint(fields=("confirmed_by",), name="one_posting_a_payment"),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("confirmed_by__isnull", False), ("state", "confirmed")),
                    models.Q(models.Q(("state", "confirmed"), _negated=True), ("confirmed_by", None)),
                    _connector="OR",
                ),
                name="posting_confirmed_by_a_payment",
            ),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(condition=models.Q(("extract", None)), fields=["id"], name="change_untold"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["extract", "noun", "id"], name="change_by_extract"),
        ),
        migrations.AddIndex(
            model_name="suspense",
            index=models.Index(condition=models.Q(("state__in", ["open", "proposed"])), fields=["since"], name="suspense_open"),
        ),
        migrations.AddConstraint(
            model_name="suspense",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", ""), models.Q(("approved_by", models.F("decided_by")), _negated=True), _connector="OR"
                ),
                name="suspense_by_another",
            ),
        ),
        migrations.AddIndex(
            model_name="paymententry",
            index=models.Index(fields=["file", "line"], name="entry_by_file"),
        ),
        migrations.AddIndex(
            model_name="paymententry",
            index=models.Index(condition=models.Q(("result", "")), fields=["file"], name="entry_waiting"),
        ),
        migrations.AddIndex(
            model_name="paymententry",
            index=models.Index(
                condition=models.Q(("payment_id", ""), _negated=True), fields=["payment_id"], name="entry_by_payment_id"
            ),
        ),
        migrations.AddIndex(
            model_name="paymententry",
            index=models.Index(condition=models.Q(("gateway", ""), _negated=True), fields=["gateway"], name="entry_by_gateway"),
        ),
        migrations.AddIndex(
            model_name="paymententry",
            index=models.Index(fields=["posting_id"], name="entry_by_posting"),
        ),
        migrations.AddIndex(
            model_name="paymententry",
            index=models.Index(
                condition=models.Q(("account_id", ""), _negated=True),
                fields=["account_id", "amount_minor"],
                name="entry_by_likeness",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymententry",
            constraint=models.UniqueConstraint(fields=("source", "reference"), name="one_entry_a_reference"),
        ),
        migrations.AddConstraint(
            model_name="paymententry",
            constraint=models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="entry_of_something"),
        ),
        migrations.AddIndex(
            model_name="suspensecandidate",
            index=models.Index(fields=["customer_id"], name="candidate_by_customer"),
        ),
        migrations.RunSQL(PAID, "DROP VIEW records_paid"),
        migrations.RunSQL(CHANGES, migrations.RunSQL.noop),
        migrations.RunSQL(TOLD, migrations.RunSQL.noop),
        migrations.RunSQL(NOTICES, migrations.RunSQL.noop),
        migrations.DeleteModel(name="PaymentNotice"),
    ]
