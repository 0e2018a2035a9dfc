#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Count the words that make comments and documents hard to read.

usage: prose.py [--hits | --text | --extract DIR | --limits] [FILE...]

Without FILE: all files of the checkout. The words and their limits are in prose.rules.
Prints for each file, and in total, the words of prose and each rule's uses and uses per
1,000 words.

--hits         prints the uses instead
--text         prints the prose that was found
--extract DIR  writes it to DIR/FILE, with the same line numbers, for other linters
--limits       prints the limits that are exceeded, and fails if there are any
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib

from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Generic, Name, String, Text
from pygments.util import ClassNotFound

# Replaces code: a noun that no rule counts.
CODE = "§"
WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
# Ends a paragraph.
BREAK = (None, "")

# Files that Pygments does not know by name, or takes for another language.
LEXERS = (
    (r"\.(S|litmus)$", "c"),
    (r"(^|/)Kbuild$", "make"),
    (r"\.rules$", "toml"),
    (r"(\.(config|conf)|/bounds|(^|/)\.(gitignore|shellcheckrc))$", "bash"),
)

# The marks around the text of a comment.
DECORATION = re.compile(
    r"\s*\*+[/)]\s*$|^\s*(?:/\*+!?|\(\*+|\*+(?=[\s/)]|$)|//[/!]?|#+)|\"\"\"|'''"
)
# Begins a paragraph without an empty line: list items, kernel-doc's parameters.
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.|#\.)\s+|^\s*(?=@\w+:)")
FENCE = re.compile(r"\s*(?:```|~~~)")
NOT_PROSE = re.compile(
    r"SPDX-License-Identifier|-\*- |^\s*(?:vim|ruff|clang-format|noqa)\b"
    r"|^\s*(?:shellcheck (?:shell|source|disable)=|CONFIG_\w+ is not set$)"
)
INLINE_CODE = re.compile(
    r"(?<!`)(`+)(?!`)(?:.|\n)*?(?<!`)\1(?!`)"  # `code`
    r'|"[^"\n]{1,30}(?:\n?[^"\n]{1,50})?"'  # "quoted"
    r"|<?\bhttps?://[^\s>)]+>?"
    r"|\[(?=[^\]]*\]\()|\]\([^)]*\)"  # [text](address)
    r"|(?<![\w'])[@%$&~./-]*[A-Za-z0-9]*[\w./:<>\[\]#-]*[_/]\w[\w./:<>*-]*(?:\(\))?"  # a_b, a/b
    r"|\b\w[\w.:]*(?:::|\.)\w+(?:\(\))?|\b\w+(?:::)?\(\)"  # a::b, a.rs, a()
    r"|(?<![\w'])[@%$&~-]+[A-Za-z][\w-]*"  # @a, %A, -a
)
# Between the columns of a table.
COLUMN = re.compile(r"(?<=[^\s.])(?:\s{2,}|\s*\|\s*)(?=\S)")
RULING = re.compile(r"^\s*([=~^\"'#*+:.-])\1{2,}[\s=+|-]*$|^\s*[=-]{2,}(\s+[=-]{2,})*\s*$")
RST_FIELD = re.compile(r"^\s*:[\w-]+:(?:\s|$)")
# Directives without prose, and those with prose below them.
RST_LEFT_OUT = (".. toctree", ".. include", ".. image")
RST_HEAD = (".. |", ".. list-table")

# Macros of mdoc: with prose as arguments, ending a paragraph, and skipped with their line.
# The arguments of all other macros are code.
MDOC_PROSE = {
    "Sh", "Ss", "Nd", "Em", "Sy", "No", "Pq", "Dq", "Sq", "Qq", "Bq", "Op", "Ta", "It", "Po",
    "Pc", "Do", "Dc", "Ns", "Ap", "Tn",
}
MDOC_BREAK = {
    "Sh", "Ss", "Pp", "It", "Bl", "El", "Nd", "Bd", "Ed",
}
MDOC_LEFT_OUT = {
    "Dt", "Dd", "Os", "Bl", "Bd", "Ed", "El", "In", "Ft", "Fd", "Dl", "D1",
}


class Paragraph:
    """Lines of prose as one text, with the line numbers of the file."""

    def __init__(self, lines):
        self.numbers = [number for number, _ in lines]
        text = "".join(line.strip() + "\n" for _, line in lines)
        self.text = INLINE_CODE.sub(without_code, text)

    def line_of(self, offset):
        return self.numbers[min(self.text.count("\n", 0, offset), len(self.numbers) - 1)]

    def words(self):
        return len(WORD.findall(self.text))


def without_code(match):
    """CODE for code, an empty text for the brackets of a link. Keeps the line ends."""
    code = match.group()
    if code == "[" or code.startswith("]("):
        return "\n" * code.count("\n")
    return CODE + "\n" * code.count("\n")


def paragraphs(lines):
    """Split numbered lines where a number is missing, at empty lines, and before items."""
    found, current, fenced, last = [], [], False, None
    for number, line in [*lines, BREAK]:
        fence = FENCE.match(line)
        if fence:
            fenced = not fenced
        text = line.strip() and not fence and not fenced and not NOT_PROSE.search(line)
        if current and (not text or number != last + 1 or LIST_ITEM.match(line)):
            found.append(Paragraph(current))
            current = []
        if text:
            current.append((number, LIST_ITEM.sub("", line)))
        last = number
    return found


def tokens(lexer, text):
    """Pygments' tokens, each with the line and the column where it begins."""
    line, column = 1, 0
    for kind, value in lexer.get_tokens(text):
        yield kind, value, line, column
        ends = value.count("\n")
        line += ends
        column = len(value) - value.rfind("\n") - 1 if ends else column + len(value)


def is_comment(kind):
    if kind in Comment.Preproc or kind in Comment.PreprocFile or kind in Comment.Hashbang:
        return False
    return kind in Comment or kind in String.Doc


def comments(lexer, text):
    """Comments of a program."""
    pieces = []
    for kind, value, line, column in tokens(lexer, text):
        if not is_comment(kind) or not value.strip():
            continue
        # The lexer of gnuplot gives a comment in two tokens.
        if pieces and pieces[-1][0] == line:
            pieces[-1][2] += value
        else:
            pieces.append([line, column, value])

    source, lines, column_of = text.splitlines(), [], {}
    for line, column, value in pieces:
        behind_code = source[line - 1][:column].strip()
        # A comment may go on in the next line, if it begins in the same column there.
        if behind_code or column_of.get(line - 1) != column:
            lines.append(BREAK)
        for number, part in enumerate(value.rstrip("\n").split("\n"), line):
            lines.append((number, COLUMN.sub(" | ", DECORATION.sub("", part))))
            column_of[number] = column
    return paragraphs(lines)


def document_lines(lexer, text):
    """Lines of a document without code and without inline markup."""
    lines = {}
    for kind, value, line, _ in tokens(lexer, text):
        if kind in Generic.Strong or kind in Generic.Emph:
            value = value.strip("*_")
        elif kind in Name.Attribute or kind in String.Interpol:
            value = ""  # a role, an address
        elif kind in Name.Variable:
            value = CODE  # its argument
        elif kind in Name.Tag and lexer.name == "Markdown":
            pass  # the text of a link
        elif kind not in Text and kind not in Generic:
            value = CODE if kind in String and "\n" not in value else "\n" * value.count("\n")
        for number, part in enumerate(value.split("\n"), line):
            lines[number] = lines.get(number, "") + part
    return lines


def begins_paragraph(sources):
    """Whether the line at each index is an item, or the definition below a term."""
    indent, in_table, before = 0, False, ""
    for source in sources:
        if re.match(r"=+ +=", source):
            in_table = True
        elif not source.strip() and before.startswith("="):
            in_table = False
        item = re.match(r"\s*(?:(?:[*-]|#\.|\d+\.) +)+(?=\S)", source)
        above, indent = indent, len((item or re.match(r"\s*", source)).group())
        yield bool(item) or (indent > above and not in_table)
        before = source


def document(lexer, text):
    """Text of reStructuredText or Markdown."""
    stripped, result, in_directive = document_lines(lexer, text), [], False
    sources = text.splitlines()
    for number, (source, begins) in enumerate(zip(sources, begins_paragraph(sources)), 1):
        line = re.sub(r"^#+ ", "", stripped.get(number, ""))
        if source.startswith(RST_LEFT_OUT):
            in_directive = True
        elif source.strip() and not source.startswith(" "):
            in_directive = False
        heading = source.startswith("#")
        if heading or begins:
            result.append(BREAK)
        not_prose = RULING.match(source) or RST_FIELD.match(source)
        if in_directive or not_prose or source.startswith(RST_HEAD):
            line = ""
        line = COLUMN.sub(" | ", line)
        if " | " in line:
            line = "| " + line
        line = re.sub(rf"{CODE}+", CODE, line)
        if CODE not in line and not re.search(r"[A-Za-z]", line):
            line = ""
        result.append((number, line))
        if heading:
            result.append(BREAK)
    return paragraphs(result)


def mdoc_line(macro, arguments):
    """Text of a line that begins with a macro."""
    prose, out = macro in MDOC_PROSE, []
    if macro == "Nm" and not arguments:
        out.append(CODE)
    for word in arguments:
        if re.fullmatch(r"[A-Z][a-z]", word) and word != "In":
            prose = word in MDOC_PROSE
            if word == "Ta":
                out.append("|")
        elif prose or re.fullmatch(r"[.,;:!?()\[\]|]", word):
            out.append(word)
        elif not out or out[-1] != CODE:
            out.append(CODE)
    return " ".join(out)


def manual(text):
    """Text of a manual page."""
    result, literal = [], False
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r'\\(?:&|f[A-Z]|\(..|-|e)|^\.\\".*', "", line)
        macro, *arguments = line[1:].split() if line.startswith(".") else [None]
        if macro == "Bd":
            literal = "-literal" in arguments
        elif macro == "Ed":
            literal = False
        if macro in MDOC_BREAK:
            result.append(BREAK)
        if not literal and macro not in MDOC_LEFT_OUT:
            result.append((number, mdoc_line(macro, arguments) if macro else line))
        elif result and result[-1] != BREAK:
            # The paragraph goes on behind it.
            result.append((number, CODE))
        if macro in ("Sh", "Ss"):
            result.append(BREAK)
    return paragraphs(result)


def litmus(text):
    """Comments of a litmus test: OCaml's at its head, C's in its body."""
    text = re.sub(r"\(\*((?:.|\n)*?)\*\)", r"/*\1*/", text)
    text = re.sub(r"// weak [\w-]+:.*", "", text)
    return comments(get_lexer_by_name("c", stripnl=False), text)


def lexer_for(name, text):
    for pattern, lexer in LEXERS:
        if re.search(pattern, name):
            return get_lexer_by_name(lexer, stripnl=False)
    try:
        return get_lexer_for_filename(name, stripnl=False, handlecodeblocks=False)
    except ClassNotFound:
        if re.match(r"#!.*\b(?:ba|da)?sh\b|# shellcheck shell=", text):
            return get_lexer_by_name("bash", stripnl=False)
        return None


def prose_of(name, text):
    if re.search(r"\.[1-9]$", name):
        return manual(text)
    if name.endswith(".litmus"):
        return litmus(text)
    lexer = lexer_for(name, text)
    if lexer is None:
        return []
    if lexer.name in ("reStructuredText", "Markdown"):
        return document(lexer, text)
    return comments(lexer, text)


class Rule:
    def __init__(self, name, limit, pattern, use, unless=None):
        self.name, self.limit, self.use = name, limit, use
        self.pattern = re.compile(pattern, re.VERBOSE | re.IGNORECASE)
        self.unless = unless and re.compile(unless, re.VERBOSE | re.IGNORECASE)

    def hits(self, text):
        fine = [m.span() for m in self.unless.finditer(text)] if self.unless else []
        for match in self.pattern.finditer(text):
            if not any(begin < match.end() and match.start() < end for begin, end in fine):
                yield match


class Count:
    """The words of a file, or of all, and how often each rule's words are used."""

    def __init__(self, name, words, uses):
        self.name, self.words, self.uses = name, words, uses

    def rate(self, rule):
        return 1000 * self.uses[rule] / self.words if self.words else 0


def read_rules():
    name = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prose.rules")
    with open(name, "rb") as file:
        table = tomllib.load(file)
    return table, [Rule(key, **x) for key, x in table.items() if isinstance(x, dict)]


def all_files():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [name for name in names.split("\0") if os.path.isfile(name)]


def show_hits(name, found, rules):
    for p in found:
        for rule in rules:
            for m in rule.hits(p.text):
                before, after = p.text[:m.start()][-45:], p.text[m.end():][:45]
                line = " ".join(f"{before}[{m.group()}]{after}".split())
                print(f"{name}:{p.line_of(m.start())}: {rule.name}: {line}")


def show_text(name, found):
    for p in found:
        print(f"{name}:{p.numbers[0]}: {' '.join(p.text.split())}")


def extract(name, found):
    lines = {}
    for p in found:
        # CODE at the end: no phrase goes on in the next paragraph.
        lines.update(zip(p.numbers, (p.text[:-1] + f" {CODE}").split("\n")))
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w", encoding="utf-8") as file:
        file.writelines(lines.get(n, "") + "\n" for n in range(1, max(lines, default=0) + 1))


def show_counts(counts, rules):
    width = max(22, *(len(c.name) for c in counts))
    print(" " * width + "  words" + "".join(f"{r.name:>13}" for r in rules))
    print(f"{'limit for 1,000 words':{width}}       "
          + "".join(f"{r.limit:13.1f}" for r in rules))
    for c in counts:
        uses = "".join(f"{c.uses[r]:7}{c.rate(r):6.1f}" for r in rules)
        print(f"{c.name:{width}} {c.words:6}{uses}")


def beyond_limits(counts, rules, table):
    """Print the words above their limits, in total and in the longer files. Returns them."""
    *files, total = counts
    beyond = [(total, r, r.limit) for r in rules if total.rate(r) > r.limit]
    for c in files:
        if c.words < table["file_words"]:
            continue
        for r in rules:
            limit = r.limit * table["file_factor"]
            if c.rate(r) > limit and c.uses[r] > table["file_uses"]:
                beyond.append((c, r, limit))
    for c, r, limit in beyond:
        print(f"{c.name}: '{r.name}' {c.uses[r]} times in {c.words} words, {c.rate(r):.1f} per"
              f" 1,000; the limit is {limit:.1f}. Better: {r.use}")
    return beyond


def main():
    usage, options = __doc__.split("usage: ")[1].split("\n\n", 1)
    parser = argparse.ArgumentParser(usage=usage, epilog=options,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--hits", action="store_true", help=argparse.SUPPRESS)
    mode.add_argument("--text", action="store_true", help=argparse.SUPPRESS)
    mode.add_argument("--extract", metavar="DIR", help=argparse.SUPPRESS)
    mode.add_argument("--limits", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    args = parser.parse_args()

    table, rules = read_rules()
    counts = []
    for name in args.files or all_files():
        if re.search(table["skip"], name, re.VERBOSE):
            continue
        with open(name, encoding="utf-8") as file:
            found = prose_of(name, file.read())
        if not found:
            continue
        if args.hits:
            show_hits(name, found, rules)
        elif args.text:
            show_text(name, found)
        elif args.extract:
            extract(os.path.join(args.extract, name), found)
        uses = {rule: sum(len(list(rule.hits(p.text))) for p in found) for rule in rules}
        counts.append(Count(name, sum(p.words() for p in found), uses))
    counts.append(Count("total", sum(c.words for c in counts),
                        {rule: sum(c.uses[rule] for c in counts) for rule in rules}))

    if args.limits:
        sys.exit(1 if beyond_limits(counts, rules, table) else 0)
    if not (args.hits or args.text or args.extract):
        show_counts(counts, rules)


if __name__ == "__main__":
    main()
