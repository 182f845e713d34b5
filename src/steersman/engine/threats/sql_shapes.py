"""The structures that give SQL away, as patterns over the letters of `sql_words.LETTERS`.

Every repetition is bounded, so that matching takes time linear in the number of tokens. A weight is what the structure
counts alone, against a threshold of 50; the second is what it counts inside English prose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A structure, its weights and its name. `gate` is a letter without which it cannot be there."""

    pattern: re.Pattern[str]
    weight: float
    in_prose: float
    what: str
    gate: str = ""
    needs_open: bool = False


_WORD = "[nxfgGkvMyedIPi]"
_STRING = "(?:'[^'\"]{0,8}'|\"[^'\"]{0,8}\")"
_OPERAND = f"(?:{_STRING}|{_WORD}(?:\\.{_WORD})?(?:\\([^()]{{0,12}}\\)|\\[[^\\[]{{0,4}}\\])?)"
_PRE = "[-a!~oNA(]{0,6}"
_END = "\\){0,5}"
_TO = f"{_PRE}{_OPERAND}{_END}"


def _shape(gate: str, pattern: str, weight: float, in_prose: float, what: str) -> Shape:
    return Shape(re.compile(pattern), weight, in_prose, what, gate)


def _tail(pattern: str, weight: float, in_prose: float, what: str, *, needs_open: bool = False) -> Shape:
    return Shape(re.compile(f"(['\"`])[%)]{{0,8}}{pattern}"), weight, in_prose, what, needs_open=needs_open)


#: Matched at a quote that would end the string around the value.
BEHIND_A_QUOTE = (
    _tail(f"L{_TO}(?:N?o|N$)", 72, 55, "a quote ends a string and a comparison follows"),
    _tail(f"L{_TO}N?O", 60, 30, "a quote ends a string and a comparison follows"),
    _tail(f"L{_PRE}[\"'][nxkf.]{{0,3}}[\"']N?[oO]", 70, 50, "a quote ends a string and a comparison follows"),
    _tail(f"L{_PRE}[xk](?!n)", 58, 30, "a quote ends a string and a condition follows"),
    _tail("L[N(]{0,4}['\"][nx]?$", 58, 40, "a quote ends a string and a condition is left open", needs_open=True),
    _tail("L[nf]?$", 52, 30, "a quote ends a string and a condition is torn off", needs_open=True),
    _tail("L\\(", 45, 25, "a quote ends a string and a condition follows", needs_open=True),
    _tail(";(?!\\1)[DEdSC]", 74, 50, "a quote ends a string and another statement follows"),
    _tail(";(?:$|[c#])", 56, 30, "a quote ends a string and the statement", needs_open=True),
    _tail(";(?!\\1)", 40, 15, "a quote ends a string and the statement", needs_open=True),
    _tail("[c#](?!.{0,40}\\1)", 64, 20, "a quote ends a string and a comment hides the rest", needs_open=True),
    _tail("U[A(]{0,4}S", 95, 60, "a quote ends a string and UNION SELECT follows"),
    _tail("U(?!\\1)", 56, 25, "a quote ends a string and UNION follows", needs_open=True),
    _tail("D(?!\\1)", 54, 18, "a quote ends a string and a verb of SQL follows", needs_open=True),
    _tail("S(?!\\1)", 40, 18, "a quote ends a string and SELECT follows", needs_open=True),
    _tail("[aL][(a]{0,4}(?:S|G|[fg]\\(|C)", 70, 45, "a quote ends a string and an expression is joined to it"),
    _tail("[aL]x[aL](?:\\1|$)", 60, 40, "a quote ends a string and arithmetic is joined to it"),
    _tail("a{1,3}(?:x|F|o)", 52, 25, "a quote ends a string and arithmetic follows", needs_open=True),
    _tail("o(?:$|[#c])", 52, 25, "a quote ends a string and a comparison follows"),
    _tail("L[nf]x(?:$|['\"])", 52, 30, "a quote ends a string and a condition follows", needs_open=True),
    _tail("S[nxfga*(](?!\\1)", 54, 18, "a quote ends a string and SELECT follows", needs_open=True),
    _tail("L\\1", 22, 5, "strings are joined"),
    _tail("BYx|BY[\"'`nf(]", 60, 20, "a quote ends a string and ORDER BY follows", needs_open=True),
    _tail(f"R{_TO}[oO]", 66, 40, "a quote ends a string and HAVING follows"),
    _tail("Bx", 56, 20, "a quote ends a string and LIMIT follows", needs_open=True),
    _tail(f"[nO]{{0,2}}W{_TO}[oO]", 66, 40, "a quote ends a string and WHERE follows"),
    _tail("N?O(?:N?k|['\"(]|A?x)", 56, 25, "a quote ends a string and a comparison in words follows", needs_open=True),
    _tail(
        "[oN]{1,2}(?:x|f\\(|\\(|\\1[nx]?(?:$|\\1|[c#]))",
        54,
        25,
        "a quote ends a string and is compared",
        needs_open=True,
    ),
    _tail("[nx]?\\1[oN]{1,2}\\1[nx]{0,3}$", 58, 30, "two strings are compared, and the second is left open"),
    _tail("t[yn]", 56, 40, "a quote ends a string and a cast follows"),
    _tail("[;)]{1,9}$", 40, 15, "a quote and brackets end an expression", needs_open=True),
)

#: Searched for in the whole value.
ANYWHERE = (
    # a condition
    _shape("L", f"(?:^|[^nfgG)\\]]){_END}L{_PRE}xo{_PRE}x", 62, 45, "two constants are compared behind AND or OR"),
    _shape("L", f"^[xk]{_END}L{_TO}N?[oOa]", 60, 40, "a number is followed by a condition"),
    _shape("L", f"^[xnk]{_END}L{_PRE}xo", 62, 45, "a value is followed by a condition"),
    _shape("L", f"^[xnk]{_END}L{_PRE}[xk]{_END}[;c#]", 58, 40, "a value is followed by a condition and a comment"),
    _shape("L", f"^L{_TO}[N]?o", 54, 45, "the value begins as the rest of a condition"),
    _shape("L", f"^L{_TO}[N]?O", 40, 20, "the value begins as the rest of a condition"),
    _shape("L", f"L{_PRE}x[oOa]$", 52, 40, "a condition is torn off"),
    _shape("L", "^L\\({1,3}[Nnxfk].{0,3}$", 50, 40, "a condition is torn off"),
    _shape("L", "^[ap][nx]?L\\(?$", 50, 40, "a condition is torn off"),
    _shape(
        ")",
        f"^[xnk'\"%]{{0,3}}\\){{1,9}}(?:L{_TO}[oO]|U|S|BY|W{_TO}o|[c#]$|;[DEdS])",
        66,
        45,
        "brackets end an expression",
    ),
    _shape("W", f"^[xn]{_END}[nO]{{0,2}}W{_TO}o", 62, 40, "a number is followed by WHERE"),
    _shape("W", f"FnW{_TO}N?[oO]", 54, 25, "FROM and WHERE of a query"),
    _shape("H", "HxT", 56, 40, "WHEN and THEN around a number"),
    _shape("C", f"CH{_TO}[oO]", 60, 40, "CASE WHEN with a comparison"),
    _shape("C", "S\\(C", 54, 40, "SELECT of a choice"),
    _shape("C", "\\(C|SC|C(?:\\(|H)$", 46, 30, "CASE begins"),
    _shape(
        "",
        "^x\\){0,3}N?[oO]{1,2}N?(?:x|k|\\([x,]{1,19}\\))(?:$|[;c#])",
        50,
        40,
        "the value is a comparison of constants",
    ),
    _shape(")", "^['\"]\\){1,9}[LO]", 54, 40, "a quote and brackets end an expression"),
    _shape("O", "^N?O['\"]a", 50, 35, "the value begins as the rest of a condition"),
    _shape("", "^(['\"])[aL]\\1$", 52, 52, "a quote ends a string and an operator follows"),
    _shape("f", "^f\\([x,]{1,40}\\)$", 52, 52, "the value is a call of a function of SQL"),
    _shape("o", "^['\"`][oN]{1,2}['\"`(x](?![#c])", 54, 40, "a quote ends a string and a comparison follows"),
    _shape("O", "^['\"`]N?O(?:['\"(xk]|N?k|$)", 54, 30, "a quote ends a string and a comparison follows"),
    _shape("a", "^a\\(x,a?x\\)", 52, 40, "arithmetic as a function"),
    _shape("O", "^N?O(?:\\(|N?k|xL)", 50, 30, "the value begins as the rest of a condition"),
    _shape("L", "^L(?:x$|['\"]x?$)", 50, 40, "a condition is torn off"),
    _shape("L", "^x\\)?L\\(?x\\)?$", 51, 40, "a condition is torn off"),
    _shape("L", "^\\(x\\)L", 54, 40, "a number in brackets is followed by a condition"),
    _shape("O", "^xN?O['\"]", 52, 40, "a number is compared in words"),
    _shape("f", "^[fg]\\(xox,", 54, 45, "a choice by a comparison of constants"),
    _shape("(", "^\\(xox\\)ax$", 54, 45, "arithmetic with a comparison"),
    _shape("L", "['\"]O[^)]{0,6}\\)L", 54, 40, "brackets end an expression"),
    # a query
    _shape("S", "^SA?[nfgGkI]\\(\\)", 56, 45, "SELECT of a function"),
    _shape("S", "^S(?:g|F)$", 52, 45, "SELECT, torn off"),
    _shape("S", "SA?[xnfgk]{1,2}iv", 58, 45, "SELECT INTO a variable"),
    _shape("U", "U[A(]{0,4}S", 85, 55, "UNION SELECT"),
    _shape("U", "^['\"x)]{1,4}U[A(]{0,4}$", 52, 40, "UNION, torn off"),
    _shape("S", "SA?aF", 66, 52, "SELECT * FROM"),
    _shape("S", "SA?[nfgGkxMv.()a'\"`]{1,12},[^;SF]{0,30}F[n`'\"Mf(\\[]", 60, 30, "SELECT of several columns FROM"),
    _shape("S", "S(?:[Pg]\\(|G|P)", 62, 50, "SELECT of a function of SQL"),
    _shape("S", "(?<![.n])S\\(f\\(", 54, 35, "SELECT of a function"),
    _shape("'", "^x'['\"]x['\"]?$", 52, 40, "two strings stand side by side"),
    _shape("S", "Sf\\(", 56, 45, "SELECT of a function"),
    _shape("S", "S(?:v|a?x[,FUc#;)]|a?k(?:[,FUc#;)]|$))", 58, 45, "SELECT of a constant"),
    _shape("S", "(?<![.n])S(?:[(`]{1,3}[gGS]|\\(x\\)F|`n)", 54, 35, "SELECT of an expression"),
    _shape("S", "SA?[nfgGkM.`]{1,5}F[nfM`.]{1,5}(?:W|B|U|J)", 62, 40, "SELECT FROM with a condition"),
    _shape("S", "\\(SA?[nfgGkMx.`]{1,5}F[nfM`.(]", 64, 45, "a query in brackets"),
    _shape("S", "^SA?[nfgGkM.`]{1,5}F[nfM`.]{1,5}(?:$|[;c#)])", 52, 35, "SELECT FROM"),
    _shape("S", "\\(S", 54, 30, "a query in brackets"),
    _shape("S", "[=o]S", 30, 20, "a query on the right of a comparison"),
    _shape("F", "F\\(S", 68, 50, "FROM a query in brackets"),
    _shape("F", "F`?M", 66, 45, "FROM a catalogue of the database"),
    _shape("B", "F[`'\"]?[nf][^;F]{0,24}B(?:Y|x)|F[`'\"][nf][^;F]{0,24}B$", 54, 15, "FROM with ORDER, GROUP or LIMIT"),
    _shape("M", "M[`'\"]?\\.", 56, 35, "a catalogue of the database"),
    _shape("M", "^[`'\"]?M[`'\"]?$", 55, 55, "the value is the name of a catalogue"),
    _shape("M", "M", 34, 15, "a catalogue of the database"),
    _shape("P", "^P$", 56, 56, "the value is the name of a stored procedure of the server"),
    _shape("P", "P", 56, 35, "a stored procedure of the server"),
    # a function
    _shape("G", "(?:^|[SLNa,(;oO'\"`THE])G\\(", 66, 55, "a function that waits, reads files or reports through errors"),
    _shape("G", "(?<![.])G\\(", 34, 18, "a function that waits, reads files or reports through errors"),
    _shape("g", "(?:^|[,(LSa'\"`N])g\\(", 53, 35, "a function that only SQL has"),
    _shape("g", "(?<![.])g\\(", 26, 12, "a function that only SQL has"),
    _shape("(", "^[fgGOkIMDdV][^nxSFWe(]{0,8}\\($", 54, 54, "the value is a call of a function of SQL, torn off"),
    _shape("G", "G\\.[nfgG]\\(", 62, 45, "a function of a package of the database"),
    _shape("g", "[;,]g\\([^)]{0,12}o", 56, 40, "another statement computes"),
    _shape("t", "[)nxfgk'\"\\]]ty", 58, 50, "a cast of PostgreSQL"),
    _shape("f", "f\\(x\\)(?:[aL]f\\(x\\)){2,99}", 66, 60, "text put together from codes of characters"),
    _shape("Y", "^BY$", 52, 52, "the value is a clause, torn off"),
    _shape("Y", "BYa?x(?:$|[,c#])", 56, 30, "ORDER BY a number"),
    _shape("Y", "BY[fGg]\\(", 50, 30, "ORDER BY an expression"),
    _shape("R", f"R{_TO}[oO]", 58, 35, "HAVING with a comparison"),
    _shape("R", "R[fgG]?\\(", 52, 30, "HAVING with a function"),
    # another statement
    _shape(";", "^;[DES]", 60, 40, "another statement begins"),
    _shape(";", "^;d[nvI]", 54, 30, "another statement begins"),
    _shape(";", ";d[nfgG]{1,3}\\(", 52, 30, "another statement follows"),
    _shape(";", ";(?:D[IivFMP\\[]|E[nMPv(]|Sa?[xvfgGan*])", 58, 35, "another statement follows"),
    _shape("D", "^c[DE]", 52, 30, "a comment and a verb of SQL"),
    _shape("D", "Di[nI`.]{1,4}(?:\\(|V|S)", 60, 40, "INSERT INTO with columns or values"),
    _shape("D", "^DF[n`.]{1,4}(?:$|[;c#W])", 54, 25, "DELETE FROM"),
    _shape("D", "DF[n`.]{1,4}(?:[;c#]|W.{0,3}o)", 58, 30, "DELETE FROM with an end or a condition"),
    _shape("D", "D[nf`.]{1,4}d[nef`.]{1,4}o", 58, 40, "UPDATE SET"),
    _shape("I", "^[DE]I[nf]?.{0,2}$", 52, 45, "CREATE, ALTER or DROP, and nothing else"),
    _shape("W", "D.{1,8}W\\(", 50, 25, "MERGE USING"),
    _shape("I", "DI(?:f?n)?[n`'\".]{1,5}(?:$|[;c#(])", 48, 25, "DROP, CREATE or ALTER of an object"),
    _shape("v", "(?:D|E|E\\(|d)v", 58, 45, "a statement with a variable"),
    _shape("E", "^E(?:[nfdIMPGkD]|\\()$", 52, 52, "EXECUTE, torn off"),
    _shape("V", "^V\\(|V\\([^)]{0,30}[x'\"]{1,3}[,)]", 54, 35, "VALUES with a row"),
    # the end, hidden
    _shape("", "(?:^|[^nfgG])[x'\"][c#]$", 54, 30, "a comment hides what follows the value"),
    _shape("", "^[nf]c$|;c$", 50, 40, "a comment hides what follows the value"),
    _shape("", "[)kn][c#]$", 22, 10, "a comment hides what follows the value"),
    _shape(",", "^,[nx]?['\"`]", 52, 40, "the value goes on with a list behind a string"),
    _shape("`", "^`[nfx]`$", 52, 52, "the value is a quoted name"),
    _shape("`", "^`n`o|o`[^`]{0,3}`", 30, 10, "quoted names are compared"),
)
