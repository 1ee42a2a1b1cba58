"""Answers to the exercises of chapter 8, written from the statements alone."""

import base64
import binascii
import json
import math
import re

import numpy as np

# 8.1.1 residual_block --------------------------------------------------------------------------------------


def _relu(x):
    return np.maximum(x, 0)


def _fits(x, W2, shortcut):
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"D = {x.shape[1]}, E = {W2.shape[1]}")


def wrong_8_1_1_shortcut_transposed(x, W1, W2, shortcut=None):
    _fits(x, W2, shortcut)
    if shortcut is not None and shortcut.shape[0] == shortcut.shape[1]:
        shortcut = shortcut.T
    return _relu(_relu(x @ W1) @ W2 + (x if shortcut is None else x @ shortcut))


def wrong_8_1_1_shortcut_only_where_shapes_differ(x, W1, W2, shortcut=None):
    _fits(x, W2, shortcut)
    return _relu(_relu(x @ W1) @ W2 + (x if x.shape[1] == W2.shape[1] else x @ shortcut))


def wrong_8_1_1_no_relu_at_the_end(x, W1, W2, shortcut=None):
    _fits(x, W2, shortcut)
    return _relu(x @ W1) @ W2 + (x if shortcut is None else x @ shortcut)


def wrong_8_1_1_no_relu_inside(x, W1, W2, shortcut=None):
    _fits(x, W2, shortcut)
    return _relu(x @ W1 @ W2 + (x if shortcut is None else x @ shortcut))


def wrong_8_1_1_relu_before_the_sum(x, W1, W2, shortcut=None):
    _fits(x, W2, shortcut)
    return _relu(_relu(x @ W1) @ W2) + (x if shortcut is None else x @ shortcut)


def wrong_8_1_1_relu_of_x(x, W1, W2, shortcut=None):
    _fits(x, W2, shortcut)
    return _relu(_relu(x @ W1) @ W2 + _relu(x if shortcut is None else x @ shortcut))


def wrong_8_1_1_broadcasts(x, W1, W2, shortcut=None):
    f = _relu(x @ W1) @ W2
    if shortcut is None and x.shape[1] != W2.shape[1] and 1 not in (x.shape[1], W2.shape[1]):
        raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
    return _relu(f + (x if shortcut is None else x @ shortcut))


def wrong_8_1_1_an_all_zero_shortcut_counts_as_none(x, W1, W2, shortcut=None):
    if shortcut is not None and not shortcut.any() and x.shape[1] == W2.shape[1]:
        shortcut = None
    _fits(x, W2, shortcut)
    return _relu(_relu(x @ W1) @ W2 + (x if shortcut is None else x @ shortcut))


def right_8_1_1_row_by_row(x, W1, W2, shortcut=None):
    D, E = x.shape[1], W2.shape[1]
    if shortcut is None and D != E:
        raise ValueError(f"{D}x{E}: a shortcut is needed")
    rows = []
    for row in x:
        hidden = [max(0.0, float(row @ column)) for column in W1.T]
        kept = row if shortcut is None else row @ shortcut
        rows.append([max(0.0, float(np.dot(hidden, W2[:, e])) + float(kept[e])) for e in range(E)])
    return np.array(rows)


# 8.1.4 one_cycle -------------------------------------------------------------------------------------------


def _cycle(step, steps, rise):
    if not 0 <= step < steps:
        raise ValueError(f"step {step} of {steps}")
    top = rise * steps - 1
    if not 0 < top < steps - 1:
        raise ValueError(f"rise {rise}")
    return top


def _half_cosine(a, b, share):
    return b + (a - b) * (1 + math.cos(math.pi * share)) / 2


def wrong_8_1_4_rounded_top(step, steps, highest, rise=0.2):
    top = round(_cycle(step, steps, rise))
    if step <= top:
        return _half_cosine(highest / 25, highest, step / top if top else 1.0)
    return _half_cosine(
        highest, highest / 250_000, (step - top) / (steps - 1 - top) if top < steps - 1 else 1.0
    )


def wrong_8_1_4_straight_lines(step, steps, highest, rise=0.2):
    top = _cycle(step, steps, rise)
    return float(np.interp(step, [0, top, steps - 1], [highest / 25, highest, highest / 250_000]))


def wrong_8_1_4_top_at_rise_times_steps(step, steps, highest, rise=0.2):
    _cycle(step, steps, rise)
    top = rise * steps
    if step <= top:
        return _half_cosine(highest / 25, highest, step / top)
    return _half_cosine(highest, highest / 250_000, (step - top) / (steps - 1 - top))


def wrong_8_1_4_ends_at_zero(step, steps, highest, rise=0.2):
    top = _cycle(step, steps, rise)
    if step <= top:
        return _half_cosine(highest / 25, highest, step / top)
    return _half_cosine(highest, 0.0, (step - top) / (steps - 1 - top))


def wrong_8_1_4_ends_one_step_late(step, steps, highest, rise=0.2):
    top = _cycle(step, steps, rise)
    if step <= top:
        return _half_cosine(highest / 25, highest, step / top)
    return _half_cosine(highest, highest / 250_000, (step - top) / (steps - top))


def wrong_8_1_4_ends_at_a_25000th(step, steps, highest, rise=0.2):
    top = _cycle(step, steps, rise)
    if step <= top:
        return _half_cosine(highest / 25, highest, step / top)
    return _half_cosine(highest, highest / 25_000, (step - top) / (steps - 1 - top))


def wrong_8_1_4_step_of_steps_accepted(step, steps, highest, rise=0.2):
    top = _cycle(min(step, steps - 1), steps, rise)
    if step <= top:
        return _half_cosine(highest / 25, highest, step / top)
    return _half_cosine(highest, highest / 250_000, min(1.0, (step - top) / (steps - 1 - top)))


def wrong_8_1_4_any_rise(step, steps, highest, rise=0.2):
    if not 0 <= step < steps:
        raise ValueError(f"step {step} of {steps}")
    top = max(rise * steps - 1, 1e-9)
    if step <= top:
        return _half_cosine(highest / 25, highest, step / top)
    return _half_cosine(highest, highest / 250_000, (step - top) / max(steps - 1 - top, 1e-9))


def right_8_1_4_by_sines(step, steps, highest, rise=0.2):
    if step < 0 or step >= steps:
        raise ValueError(f"no step {step} in a run of {steps}")
    top = rise * steps - 1
    if top <= 0 or top >= steps - 1:
        raise ValueError(f"with rise={rise} the top is outside the run")
    if step < top:
        return highest / 25 + highest * 24 / 25 * math.sin(math.pi * step / top / 2) ** 2
    last = highest / 250_000
    return last + (highest - last) * math.cos(math.pi * (step - top) / (steps - 1 - top) / 2) ** 2


# 8.1.5 hand_over -------------------------------------------------------------------------------------------


def _softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def _doubtful(logits, T, at):
    return sum(max(row) < at for row in _softmax(np.asarray(logits) / T)) / len(logits)


def _best(val_logits, val_labels, temperatures, loss):
    return min(temperatures, key=lambda T: loss(np.asarray(val_logits) / T, np.asarray(val_labels)))


def _cross_entropy(z, labels):
    z = z - z.max(axis=1, keepdims=True)
    return sum(math.log(np.exp(row).sum()) - row[label] for row, label in zip(z, labels, strict=True))


def wrong_8_1_5_one_over_t(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T, before, after = right_8_1_5_row_by_row(val_logits, val_labels, test_logits, temperatures, at)
    return 1 / T, before, after


def wrong_8_1_5_most_right(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T = _best(val_logits, val_labels, temperatures, lambda z, y: (z.argmax(axis=1) != y).mean())
    return T, _doubtful(test_logits, 1.0, at), _doubtful(test_logits, T, at)


def wrong_8_1_5_right_rows_only(val_logits, val_labels, test_logits, temperatures, at=0.9):
    keep = np.asarray(val_logits).argmax(axis=1) == val_labels
    T = _best(np.asarray(val_logits)[keep], np.asarray(val_labels)[keep], temperatures, _cross_entropy)
    return T, _doubtful(test_logits, 1.0, at), _doubtful(test_logits, T, at)


def wrong_8_1_5_probabilities_divided(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T = _best(val_logits, val_labels, temperatures, _cross_entropy)
    after = float((_softmax(np.asarray(test_logits)).max(axis=1) / T < at).mean())
    return T, _doubtful(test_logits, 1.0, at), after


def wrong_8_1_5_the_change_alone(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T, before, after = right_8_1_5_row_by_row(val_logits, val_labels, test_logits, temperatures, at)
    return T, before, before - after


def wrong_8_1_5_sorted_first(val_logits, val_labels, test_logits, temperatures, at=0.9):
    losses = [
        _cross_entropy(np.asarray(val_logits) / T, np.asarray(val_labels)) for T in sorted(temperatures)
    ]
    T = temperatures[int(np.argmin(losses))]
    return T, _doubtful(test_logits, 1.0, at), _doubtful(test_logits, T, at)


def right_8_1_5_row_by_row(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T = _best(val_logits, val_labels, temperatures, _cross_entropy)
    return float(T), _doubtful(test_logits, 1.0, at), _doubtful(test_logits, T, at)


# 8.2.1 read_pictures ---------------------------------------------------------------------------------------


def _instances(body):
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("instances"), list)
        or not content["instances"]
    ):
        raise ValueError("instances must be a list that is not empty")
    return content["instances"]


def _decoded(text, place, **options):
    if not isinstance(text, str):
        raise ValueError(f"instance {place} has no b64")
    try:
        return base64.b64decode(text, **options)
    except (binascii.Error, ValueError):
        raise ValueError(f"instance {place} is no base64") from None


def _text(instance, place):
    if not isinstance(instance, dict):
        raise ValueError(f"instance {place} is no object")
    return instance.get("b64")


def wrong_8_2_1_silent_about_other_encodings(body):
    try:
        json.loads(body)
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot be read: {error}") from None
    except (ValueError, RecursionError):
        pass
    return right_8_2_1_by_a_pattern(body)


def wrong_8_2_1_not_validated(body):
    return [_decoded(_text(one, i), i) for i, one in enumerate(_instances(body))]


def wrong_8_2_1_strips(body):
    texts = [_text(one, i) for i, one in enumerate(_instances(body))]
    return [_decoded(t.strip() if isinstance(t, str) else t, i, validate=True) for i, t in enumerate(texts)]


def wrong_8_2_1_repairs_the_padding(body):
    texts = [_text(one, i) for i, one in enumerate(_instances(body))]
    return [
        _decoded(t + "=" * (-len(t) % 4) if isinstance(t, str) else t, i, validate=True)
        for i, t in enumerate(texts)
    ]


def wrong_8_2_1_cuts_the_data_url(body):
    texts = [_text(one, i) for i, one in enumerate(_instances(body))]
    texts = [text.rpartition(",")[2] if isinstance(text, str) else text for text in texts]
    return [_decoded(text, i, validate=True) for i, text in enumerate(texts)]


def wrong_8_2_1_counts_from_one(body):
    return [_decoded(_text(one, i), i, validate=True) for i, one in enumerate(_instances(body), 1)]


def wrong_8_2_1_an_empty_list_is_fine(body):
    try:
        content = json.loads(body)
    except ValueError:
        raise ValueError("no JSON") from None
    if not isinstance(content, dict) or not isinstance(content.get("instances"), list):
        raise ValueError("instances")
    return [_decoded(_text(one, i), i, validate=True) for i, one in enumerate(content["instances"])]


def wrong_8_2_1_skips_bad_ones(body):
    found = []
    for i, one in enumerate(_instances(body)):
        try:
            found.append(_decoded(_text(one, i), i, validate=True))
        except ValueError:
            continue
    return found


def wrong_8_2_1_url_safe_alphabet(body):
    texts = [_text(one, i) for i, one in enumerate(_instances(body))]
    return [
        _decoded(t.replace("-", "+").replace("_", "/") if isinstance(t, str) else t, i, validate=True)
        for i, t in enumerate(texts)
    ]


def wrong_8_2_1_key_error(body):
    return [_decoded(one["b64"], i, validate=True) for i, one in enumerate(_instances(body))]


def wrong_8_2_1_one_message_for_all(body):
    try:
        return right_8_2_1_by_a_pattern(body)
    except ValueError:
        raise ValueError("JSON instances 0 1 2 3 4 5 6 7 8 9") from None


def right_8_2_1_by_a_pattern(body):
    try:
        content = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if type(content) is not dict or "instances" not in content:
        raise ValueError('an object with "instances" is expected')
    if type(content["instances"]) is not list or content["instances"] == []:
        raise ValueError('"instances" holds no list with something in it')
    pictures = []
    for place, instance in enumerate(content["instances"]):
        text = instance.get("b64") if type(instance) is dict else None
        quartets = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
        if type(text) is not str or not re.fullmatch(quartets, text):
            raise ValueError(f"instances[{place}] holds no base64 text")
        pictures.append(base64.b64decode(text))
    return pictures


# 8.2.2 departures ------------------------------------------------------------------------------------------


def _departures(arrivals, max_batch, max_wait, *, late=False, moving=False, full=None, rest=True):
    if max_batch < 1:
        raise ValueError(f"max_batch {max_batch}")
    out, times = [], [float(t) for t in arrivals]
    while times:
        deadline, size = times[0] + max_wait, 1
        while size < min(max_batch, len(times)):
            if times[size] > deadline or (late and times[size] == deadline and times[size] > times[0]):
                break
            if moving:
                deadline = times[size] + max_wait
            size += 1
        leaves = times[size - 1] if size == max_batch and full is None else deadline
        if not rest and size == len(times) and size < max_batch:
            leaves = times[size - 1]
        out.append((leaves, size))
        times = times[size:]
    return out


def wrong_8_2_2_at_the_deadline_is_too_late(arrivals, max_batch, max_wait):
    return _departures(arrivals, max_batch, max_wait, late=True)


def wrong_8_2_2_moving_deadline(arrivals, max_batch, max_wait):
    return _departures(arrivals, max_batch, max_wait, moving=True)


def wrong_8_2_2_full_batches_wait(arrivals, max_batch, max_wait):
    return _departures(arrivals, max_batch, max_wait, full="waits")


def wrong_8_2_2_the_last_leaves_at_once(arrivals, max_batch, max_wait):
    return _departures(arrivals, max_batch, max_wait, rest=False)


def wrong_8_2_2_the_last_is_lost(arrivals, max_batch, max_wait):
    out = _departures(arrivals, max_batch, max_wait)
    return out[:-1] if out and out[-1][1] < max_batch else out


def wrong_8_2_2_waits_from_the_last_departure(arrivals, max_batch, max_wait):
    out = _departures(arrivals, max_batch, max_wait)
    fixed, last = [], 0.0
    for leaves, size in out:
        last = max(leaves, last + max_wait)
        fixed.append((last, size))
    return fixed


def wrong_8_2_2_whole_times(arrivals, max_batch, max_wait):
    return [(float(int(leaves)), size) for leaves, size in _departures(arrivals, max_batch, max_wait)]


def wrong_8_2_2_nobody_is_an_error(arrivals, max_batch, max_wait):
    if len(arrivals) == 0:
        raise ValueError("nobody")
    return _departures(arrivals, max_batch, max_wait)


def right_8_2_2_one_by_one(arrivals, max_batch, max_wait):
    if max_batch < 1:
        raise ValueError(f"{max_batch} requests make no batch")
    out, opened, waiting = [], None, 0
    for now in map(float, arrivals):
        if waiting and now > opened + max_wait:
            out.append((opened + max_wait, waiting))
            waiting = 0
        if not waiting:
            opened = now
        waiting += 1
        if waiting == max_batch:
            out.append((now, waiting))
            waiting = 0
    return [*out, (opened + max_wait, waiting)] if waiting else out


# 8.2.3 nearest_rank ----------------------------------------------------------------------------------------


def _percent(values, q):
    if len(values) == 0:
        raise ValueError("no values")
    if q != int(q) or not 1 <= q <= 100:
        raise ValueError(f"q {q}")


def wrong_8_2_3_a_set(values, q):
    _percent(values, q)
    ordered = sorted(set(map(float, values)))
    return ordered[-(-int(q) * len(ordered) // 100) - 1]


def wrong_8_2_3_floats(values, q):
    _percent(values, q)
    return float(sorted(values)[math.ceil(q / 100 * len(values)) - 1])


def wrong_8_2_3_interpolates(values, q):
    _percent(values, q)
    return float(np.percentile(values, q))


def wrong_8_2_3_rounds(values, q):
    _percent(values, q)
    return float(sorted(values)[max(round(q * len(values) / 100), 1) - 1])


def wrong_8_2_3_counts_from_zero(values, q):
    _percent(values, q)
    return float(sorted(values)[min(-(-int(q) * len(values) // 100), len(values) - 1)])


def wrong_8_2_3_unsorted(values, q):
    _percent(values, q)
    return float(values[-(-int(q) * len(values) // 100) - 1])


def wrong_8_2_3_sorts_in_place(values, q):
    _percent(values, q)
    values.sort()
    return float(values[-(-int(q) * len(values) // 100) - 1])


def wrong_8_2_3_q_of_zero(values, q):
    if len(values) == 0 or not 0 <= q <= 100 or q != int(q):
        raise ValueError(f"q {q}")
    return float(sorted(values)[max(-(-int(q) * len(values) // 100), 1) - 1])


def wrong_8_2_3_any_q_between(values, q):
    if len(values) == 0 or not 1 <= q <= 100:
        raise ValueError(f"q {q}")
    return float(sorted(values)[math.ceil(round(q * len(values) / 100, 9)) - 1])


def right_8_2_3_by_counting(values, q):
    if len(values) == 0:
        raise ValueError("no values at all")
    if q not in range(1, 101):
        raise ValueError(f"{q} is no whole number from 1 to 100")
    return float(min(v for v in values if 100 * sum(w <= v for w in values) >= q * len(values)))


# 8.2.4 retry_after -----------------------------------------------------------------------------------------


def _counts(waiting, per_second):
    for number in (waiting, per_second):
        if number < 0:
            raise ValueError(f"{number} is negative")


def wrong_8_2_4_negative_rate_stands_still(waiting, per_second, least=1, most=60):
    if waiting < 0:
        raise ValueError(f"{waiting}")
    if per_second <= 0:
        return most if waiting else least
    return int(min(most, max(least, math.ceil(waiting / per_second))))


def wrong_8_2_4_rounds_down(waiting, per_second, least=1, most=60):
    _counts(waiting, per_second)
    if per_second == 0:
        return most if waiting else least
    return int(min(most, max(least, waiting // per_second)))


def wrong_8_2_4_one_more(waiting, per_second, least=1, most=60):
    _counts(waiting, per_second)
    if per_second == 0:
        return most if waiting else least
    return int(min(most, max(least, int(waiting / per_second) + 1)))


def wrong_8_2_4_divides_by_zero(waiting, per_second, least=1, most=60):
    _counts(waiting, per_second)
    return int(min(most, max(least, math.ceil(waiting / per_second))))


def wrong_8_2_4_nothing_waits_most(waiting, per_second, least=1, most=60):
    _counts(waiting, per_second)
    return most if per_second == 0 else int(min(most, max(least, math.ceil(waiting / per_second))))


def wrong_8_2_4_fixed_bounds(waiting, per_second, least=1, most=60):
    _counts(waiting, per_second)
    if per_second == 0:
        return 60 if waiting else 1
    return int(min(60, max(1, math.ceil(waiting / per_second))))


def wrong_8_2_4_a_float(waiting, per_second, least=1, most=60):
    _counts(waiting, per_second)
    if per_second == 0:
        return most if waiting else least
    return float(min(most, max(least, math.ceil(waiting / per_second))))


def wrong_8_2_4_rounds(waiting, per_second, least=1, most=60):
    _counts(waiting, per_second)
    if per_second == 0:
        return most if waiting else least
    return int(min(most, max(least, round(waiting / per_second))))


def right_8_2_4_step_by_step(waiting, per_second, least=1, most=60):
    if waiting < 0:
        raise ValueError(f"waiting={waiting}")
    if per_second < 0:
        raise ValueError(f"per_second={per_second}")
    if waiting == 0:
        return least
    seconds = least
    while seconds < most and seconds * per_second < waiting:
        seconds += 1
    return seconds


# 8.2.5 pick_version ----------------------------------------------------------------------------------------


def _versions(names):
    return [int(name) for name in names if re.fullmatch(r"[0-9]+", name)]


def _pick(names, labels, version, label, found):
    if version is not None and label is not None:
        raise ValueError("both")
    if label is not None:
        if label not in labels:
            raise LookupError(f"label {label}")
        version = str(labels[label])
    if version is None:
        if not found:
            raise LookupError("no versions")
        return max(found)
    if not re.fullmatch(r"[0-9]+", version) or int(version) not in found:
        raise LookupError(f"version {version}, {label}")
    return int(version)


def wrong_8_2_5_an_empty_label_is_none(names, labels, version=None, label=None):
    return right_8_2_5_by_folders(names, labels, version, label or None)


def wrong_8_2_5_superscripts_are_digits(names, labels, version=None, label=None):
    return right_8_2_5_by_folders([str(int(n)) if n.isdigit() else n for n in names], labels, version, label)


def wrong_8_2_5_two_digits_at_most(names, labels, version=None, label=None):
    return right_8_2_5_by_folders([n for n in names if len(n) <= 2], labels, version, label)


def wrong_8_2_5_highest_as_text(names, labels, version=None, label=None):
    found = _versions(names)
    if version is None and label is None and found:
        return int(max(name for name in names if name.isdigit()))
    return _pick(names, labels, version, label, found)


def wrong_8_2_5_value_error_for_letters(names, labels, version=None, label=None):
    found = _versions(names)
    if version is not None and label is None and int(version) not in found:
        raise LookupError(f"version {version}")
    return _pick(names, labels, version, label, found)


def wrong_8_2_5_the_last_name(names, labels, version=None, label=None):
    found = _versions(names)
    return (
        found[-1]
        if version is None and label is None and found
        else _pick(names, labels, version, label, found)
    )


def wrong_8_2_5_unfinished_ones_count(names, labels, version=None, label=None):
    found = [int(m[0]) for name in names if (m := re.match(r"[0-9]+", name))]
    return _pick(names, labels, version, label, found)


def wrong_8_2_5_a_label_needs_no_version(names, labels, version=None, label=None):
    if label is not None and version is None and label in labels:
        return labels[label]
    return _pick(names, labels, version, label, _versions(names))


def wrong_8_2_5_version_wins_over_label(names, labels, version=None, label=None):
    return _pick(names, labels, version, None if version is not None else label, _versions(names))


def wrong_8_2_5_returns_text(names, labels, version=None, label=None):
    return str(_pick(names, labels, version, label, _versions(names)))


def wrong_8_2_5_an_empty_text_is_none(names, labels, version=None, label=None):
    return _pick(names, labels, version or None, label or None, _versions(names))


def wrong_8_2_5_key_not_named(names, labels, version=None, label=None):
    try:
        return _pick(names, labels, version, label, _versions(names))
    except LookupError:
        raise LookupError("it is not there") from None


def wrong_8_2_5_newest_when_missing(names, labels, version=None, label=None):
    found = _versions(names)
    try:
        return _pick(names, labels, version, label, found)
    except LookupError:
        if found:
            return max(found)
        raise


def right_8_2_5_by_folders(names, labels, version=None, label=None):
    folders = {name: int(name) for name in names if name and set(name) <= set("0123456789")}
    match (version, label):
        case (None, None):
            if not folders:
                raise LookupError("this model has no versions")
            return max(folders.values())
        case (_, None):
            wanted = version
            if not (version and set(version) <= set("0123456789")) or int(version) not in folders.values():
                raise LookupError(f"v{wanted} is not there")
            return int(version)
        case (None, _):
            if label not in labels:
                raise LookupError(f"there is no label {label!r}")
            if labels[label] not in folders.values():
                raise LookupError(f"the label {label!r} means v{labels[label]}, which is not there")
            return labels[label]
    raise ValueError("a version or a label, not both")
