"""The words of an exercise are found by number and language, in a Markdown file beside its code."""

import pytest

from exercises import finding, texts

ENGLISH = """\
# 9.8 A section

## 9.8.1 The last item

Return the last item.

- `values` is a list.

### hint: Where is the end?

The last item stands
at the end.

- a list stays
- as it is

### wrong answers

- `takes_the_first`: takes the first,
  not the last
- `returns_none`: returns nothing

## 9.8.2 An experiment

Try something.

### model answer

What came out.
"""
CHINESE = (
    "# 9.8\n\n## 9.8.1 最后一项\n\n返回最后一项。\n\n### wrong answers\n\n- `takes_the_first`: 取了第一项\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A chapter 9 of its own, with the words of section 9.8 in two languages."""
    chapter = tmp_path / "ch9_test"
    chapter.mkdir()
    (chapter / "s8_words.py").write_text("EXERCISES = ()\n")
    (chapter / "s8_words.en.md").write_text(ENGLISH, encoding="utf-8")
    (chapter / "s8_words.zh.md").write_text(CHINESE, encoding="utf-8")
    monkeypatch.setattr(finding, "HERE", tmp_path)
    texts.section_words.cache_clear()
    yield chapter
    texts.section_words.cache_clear()


def test_all_parts_of_an_exercise_are_read(folder):
    words = texts.words("9.8.1")
    assert words.title == "The last item"
    assert words.statement == "Return the last item.\n\n- `values` is a list."
    assert words.hints == [
        ("Where is the end?", "The last item stands at the end.\n\n- a list stays\n- as it is")
    ]
    assert words.wrong == {
        "takes_the_first": "takes the first, not the last",
        "returns_none": "returns nothing",
    }
    assert texts.words("9.8.2").model_answer == "What came out."


def test_a_second_language_stands_beside_the_first(folder):
    assert texts.words("9.8.1", "zh").title == "最后一项"
    assert texts.words("9.8.1", "zh").wrong == {"takes_the_first": "取了第一项"}


def test_an_exercise_without_words_and_a_line_of_another_form_are_named(folder):
    with pytest.raises(ValueError, match=r'zh\.md has no exercise 9\.8\.2: it needs a heading "## 9\.8\.2'):
        texts.words("9.8.2", "zh")
    (folder / "s8_words.en.md").write_text(ENGLISH.replace("- `returns_none`:", "- returns_none"))
    texts.section_words.cache_clear()
    with pytest.raises(ValueError, match="The last item: '- returns_none returns nothing' is no line"):
        texts.words("9.8.1")


def test_sections_come_in_the_order_of_their_numbers(folder):
    for name in ("ch10_late/s1_a.py", "ch9_test/s10_b.py", "ch9_test/notes.py", "chapter/s1_c.py"):
        path = folder.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert list(finding.sections()) == ["9.8", "9.10", "10.1"]
