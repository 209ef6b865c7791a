"""Instalment plans to the last minor unit: schedules, effective rates, and the annual percentage rate of Regulation Z.

Pure arithmetic on whole minor units, fractions and decimals; no binary float takes part. Knows no law about plans
(`core.judgements.plan`), no policy and no customer.
"""
