import re

import pytest

from groundling import grammar


def test_the_regex_matches_the_labels_and_nothing_else():
    pattern = re.compile(grammar.choice_regex(["A", "AB", "c.d"]))
    assert [bool(pattern.fullmatch(t)) for t in ("A", "AB", "c.d", "B", "cxd", "ABA")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_longer_label_comes_first_so_that_its_beginning_does_not_win():
    assert grammar.choice_regex(["A", "AB"]) == "(AB|A)"


def test_gbnf_quotes_what_has_a_meaning_there():
    assert grammar.choice_gbnf(["A", 'say "hi"']) == 'root ::= "A" | "say \\"hi\\""'


def test_the_schema_is_closed():
    assert grammar.choice_schema(["A", "B"]) == {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": ["A", "B"]}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def test_the_answer_reasons_before_it_names_the_id():
    schema = grammar.answer_schema([3, 17], max_reasoning=40)
    assert list(schema["properties"]) == ["reasoning", "id"]
    assert schema["properties"]["id"]["enum"] == [3, 17]
    assert schema["properties"]["reasoning"]["maxLength"] == 40


@pytest.mark.parametrize("labels", [[], [""], ["A", "A"]])
def test_labels_that_cannot_be_told_apart_are_refused(labels):
    with pytest.raises(ValueError, match="labels must be different and not empty"):
        grammar.choice_gbnf(labels)


def test_an_answer_without_ids_is_refused():
    with pytest.raises(ValueError, match="at least one id"):
        grammar.answer_schema([])


def test_only_the_space_rule_becomes_empty():
    made = 'root ::= "{" space id "}"\nspace ::= | " " | "\\n"{1,2}\nid ::= "3" space'
    assert grammar.compact_gbnf(made) == 'root ::= "{" space id "}"\nspace ::= ""\nid ::= "3" space'


def test_every_server_gets_the_field_it_reads():
    labels = ["A", "B"]
    schema = grammar.choice_schema(labels)
    assert grammar.server_options("llamacpp", labels) == {"grammar": 'root ::= "A" | "B"'}
    assert grammar.server_options("vllm", labels) == {"structured_outputs": {"choice": labels}}
    assert grammar.server_options("ollama", labels) == {"format": schema}
    wrapped = grammar.server_options("openai", labels)["response_format"]
    assert (wrapped["type"], wrapped["json_schema"]["schema"]) == ("json_schema", schema)
    assert wrapped["json_schema"]["strict"] is True
