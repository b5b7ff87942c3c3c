"""An interpreter of GBNF, as far as the grammars of answers use it.

It knows rules on one line, literals, classes, brackets, `|` and `?`. A stack is a pair:
the element that comes next and the stack below it; at the end it is None.
"""

import json
import re

TOKEN = re.compile(
    r'(?P<rule>[\w-]+)|(?P<text>"(?:\\.|[^"\\])*")|(?P<letter>\[[^\]]+\])|(?P<sign>[()|?])'
)


class Gbnf:
    def __init__(self, text):
        self.rules = {}
        self.used = set()
        for line in text.splitlines():
            name, _, body = line.partition(" ::= ")
            assert name not in self.rules, f"{name} has two rules"
            tokens = [(each.lastgroup, each[0]) for each in TOKEN.finditer(body)]
            assert "".join(each for _, each in tokens).replace(" ", "") == "".join(
                body.split()
            )
            self.rules[name], rest = self.alternatives(tokens)
            assert not rest, line
        assert self.used <= self.rules.keys()

    def alternatives(self, tokens):
        """Return the ways of a rule or a bracket, and the tokens that follow it."""
        ways = [()]
        while tokens and tokens[0] != ("sign", ")"):
            (kind, value), *tokens = tokens
            if kind == "sign" and value == "|":
                ways.append(())
            elif kind == "sign" and value == "(":
                inner, (_, *tokens) = self.alternatives(tokens)
                ways[-1] += (tuple(inner),)
            elif kind == "sign":
                ways[-1] = (*ways[-1][:-1], ((ways[-1][-1],), ()))
            elif kind == "text":
                ways[-1] += tuple(re.compile(re.escape(c)) for c in json.loads(value))
            elif kind == "letter":
                ways[-1] += (re.compile(value),)
            else:
                self.used.add(value)
                ways[-1] += (value,)
        return ways, tokens

    def ways(self, element):
        """Return what a rule or a bracket stands for."""
        return self.rules[element] if isinstance(element, str) else element

    def tops(self, stack):
        """Return the stacks whose next element is a letter, and None if it may end."""
        found, todo = set(), [stack]
        while todo:
            stack = todo.pop()
            if stack is None or isinstance(stack[0], re.Pattern):
                found.add(stack)
            else:
                todo += [pushed(way, stack[1]) for way in self.ways(stack[0])]
        return found

    def start(self):
        return self.tops(("root", None))

    def after(self, state, char):
        return {
            top
            for stack in state
            if stack is not None and stack[0].fullmatch(char)
            for top in self.tops(stack[1])
        }

    def admits(self, text):
        state = self.start()
        for char in text:
            state = self.after(state, char)
        return None in state

    def language(self, alphabet, after="", until=None):
        """Return what follows a text, over an alphabet, cut before an `until`."""
        state = self.start()
        for char in after:
            state = self.after(state, char)
        found, todo = set(), [("", state)]
        while todo:
            text, state = todo.pop()
            if None in state:
                found.add(text)
            for char in alphabet:
                following = self.after(state, char)
                if following and char == until:
                    found.add(text)
                elif following:
                    todo.append((text + char, following))
        return found

    def walk(self, draw, letters):
        """Return a random text, each letter drawn among those of `letters` that fit."""
        text, stack = "", ("root", None)
        while stack is not None:
            element, below = stack
            if isinstance(element, re.Pattern):
                fitting = [each for each in letters if element.fullmatch(each)]
                text += draw.choice(fitting)
                stack = below
            else:
                stack = pushed(draw.choice(self.ways(element)), below)
        return text


def pushed(way, below):
    for element in reversed(way):
        below = (element, below)
    return below
