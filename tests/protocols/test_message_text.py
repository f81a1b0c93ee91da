"""Authors' message texts: fixed merge fields, no template, no HTML, nothing that tells what somebody is treated for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.definition_codec import canonical_text, dump, load
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.message_text import MERGE_FIELDS, fill_in, problem
from staff.errors import InvalidInput


@pytest.mark.parametrize(
    "text",
    [
        "{{ name }}", "{% load x %}", "{name.__class__}", "{name!r}", "{0}", "{secret}", "{name", "name}", "{}", "{ name }",
        "<b>Hello</b>", "<script>x</script>", "< img src=x>", "&lt;b&gt;", "Javascript:alert(1)", "x" * 1501,
        "Your ketamine infusion went well",
    ],
)  # fmt: skip
def test_what_is_not_plain_text_with_known_fields_is_refused(text):
    assert problem(text, 1500)
    rule = replace(SIX_IN_THREE_WEEKS.follow_ups[1], email_text=text)
    with pytest.raises(InvalidInput) as caught:
        load(dump(replace(SIX_IN_THREE_WEEKS, follow_ups=(rule,))))
    assert caught.value.field == "definition.follow_ups.0.email_text"


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_value_is_put_in_as_it_is_and_never_read_again(name, phone):
    values = dict.fromkeys(MERGE_FIELDS, "") | {"name": name, "phone": phone}
    assert fill_in("Hello {name}: {phone}", values) == f"Hello {name}: {phone}"


def test_a_text_without_fields_stays_and_an_empty_one_changes_no_signed_text():
    assert problem("", 300) is None
    assert problem("Hello {name}, 5 > 3, see you {day} at {time}. {phone} {emergency}", 300) is None
    assert fill_in("No field", {}) == "No field"
    assert "email_text" not in canonical_text(SIX_IN_THREE_WEEKS)
