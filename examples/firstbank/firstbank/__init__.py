"""The made-up 第一示例银行 (First Example Bank): people, accounts, nights and the hidden truth behind them.

`truth` holds every number that drives behaviour, `people` makes persons, `book` the accounts, `life` what happens
in a night, `forms` the files of a delivery, `breakage` deliveries that are wrong on purpose. Nothing here knows
the product: the bank only follows the data contract, as a real one would.
"""
