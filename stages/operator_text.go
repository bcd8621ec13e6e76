package stages

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"deeprc/frame"
)

// oneOf is the place of a value among those that a key may have.
func oneOf(key, value string, values []string) (int, error) {
	i := slices.Index(values, value)
	if i < 0 {
		return 0, fmt.Errorf("%s = %q: want %s%s", key, value, strings.Join(values, ", "), didYouMean(value, values))
	}
	return i, nil
}

func parseAggs(texts []string) (aggs []frame.Agg, err error) {
	for _, text := range texts {
		a, err := parseAgg(text)
		if err != nil {
			return nil, fmt.Errorf("aggs: %w", err)
		}
		aggs = append(aggs, a)
	}
	return aggs, nil
}

// parseAgg reads "mean(q)", "name = mean(q)" or "quantile(q, 0.9)".
func parseAgg(text string) (a frame.Agg, err error) {
	call := text
	if name, rest, ok := strings.Cut(text, "="); ok && !strings.Contains(name, "(") {
		a.As, call = strings.TrimSpace(name), rest
	}
	call = strings.TrimSpace(call)
	fn, args, ok := strings.Cut(call, "(")
	args, closed := strings.CutSuffix(args, ")")
	if !ok || !closed {
		return a, fmt.Errorf("%q: want an aggregate of a column, as mean(q) or total = sum(q)", text)
	}
	a.Func, a.Column = strings.TrimSpace(fn), strings.TrimSpace(args)
	if a.Func == "quantile" {
		i := strings.LastIndex(args, ",")
		if i < 0 {
			return a, fmt.Errorf("%q: want a share too, as quantile(q, 0.9)", text)
		}
		a.Column = strings.TrimSpace(args[:i])
		if a.Q, err = strconv.ParseFloat(strings.TrimSpace(args[i+1:]), 64); err != nil {
			return a, fmt.Errorf("%q: %q is not a number", text, strings.TrimSpace(args[i+1:]))
		}
	}
	return a, nil
}

func parseSortKeys(texts []string) (keys []frame.SortKey) {
	for _, text := range texts {
		keys = append(keys, parseSortKey(text))
	}
	return keys
}

// parseSortKey reads "column", "column desc", "column nulls first" or both.
func parseSortKey(text string) (k frame.SortKey) {
	text = strings.TrimSpace(text)
	text, k.NullsFirst = strings.CutSuffix(text, " nulls first")
	text, k.Desc = strings.CutSuffix(strings.TrimSpace(text), " desc")
	k.Column = strings.TrimSpace(text)
	return k
}
