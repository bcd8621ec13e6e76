package frame

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	exprparser "github.com/expr-lang/expr/parser"
)

// Expr is an expression over the columns of a table, with types checked. Its grammar is that
// of github.com/expr-lang/expr, its meaning SQL's:
//
//   - A column is written as its name, or col("name with spaces"). Numbers are computed as int64, or as
//     float64 where one of two is a float and in divisions; a cell of uint64 must fit, or be
//     made a float, which rounds it. An int64 that overflows is an error that names the
//     row; NaN and infinities are values.
//   - A missing cell makes a result missing. But and, or and not know three values, is_null(x) is never missing,
//     coalesce(a, b, …) is the first that is not missing, and in c ? a : b a missing c is false. The literal
//     is nil or null.
//   - Operators: + - * / % **, == != < <= > >=, and or not (&& || !), x in [1, 2], c ? a : b, and for text +,
//     contains, startsWith, endsWith, matches (a regular expression of Go).
//   - Numbers: abs sqrt cbrt exp log log1p log10 floor ceil round (half away from zero) min max (NaN if one is).
//   - Text: lower upper trim len (characters) substr(s, from, n) (characters, from 0) replace(s, old, new).
//   - Time: date("2001-02-03"), timestamp("2001-02-03 04:05:06"), in UTC where the text has no offset; year
//     month day hour minute second dayofyear weekday (1 is Monday) week (ISO 8601), in the column's zone. A date
//     compares with a timestamp as its midnight in UTC, with none of another zone.
//   - Conversions: int(x), which cuts off fractions, float(x), str(x), bool(x), date(x), timestamp(x) (µs, rounded down).
//   - Rows: lag(x, n) and lead(x, n) are x in the n-th row of the table before or after, lag(x, n, id) in the
//     n-th before of those with the same id; more than one key may follow. Missing where there is none.
type Expr struct {
	text   string
	root   *exprNode
	shifts []*exprNode // lag and lead, those inside others first
}

// maxExpression is the longest expression, in bytes.
const maxExpression = 64 << 10

// parseExpr is the tree of an expression. Its errors show the place.
func parseExpr(text string) (ast.Node, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("frame: expression: it is empty")
	case len(text) > maxExpression:
		return nil, fmt.Errorf("frame: expression: it has %d bytes; at most %d are allowed", len(text), maxExpression)
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("frame: expression: %s is not UTF-8 text", quote(text))
	}
	tree, err := exprparser.Parse(text)
	if err != nil {
		var e *file.Error
		if !errors.As(err, &e) {
			return nil, fmt.Errorf("frame: expression: %w", err)
		}
		if e.Message == "unexpected token EOF" {
			return nil, pointAt(text, utf8.RuneCountInString(text), "something must follow here")
		}
		return nil, pointAt(text, e.From, e.Message)
	}
	return tree.Node, nil
}

// Compile makes an Expr of text, for tables with the columns of schema. Its errors show the place.
func Compile(text string, schema *arrow.Schema) (*Expr, error) {
	tree, err := parseExpr(text)
	if err != nil {
		return nil, err
	}
	b := &binder{schema: schema, bound: map[ast.Node]*exprNode{}}
	root, err := b.bind(tree)
	if err == nil && root.kind == exprMissing {
		root = b.to(root, exprFloat, arrow.PrimitiveTypes.Float64)
	}
	if err == nil && root.kind == exprList {
		err = b.errorf(tree, "a list is no value of a cell; write x in […]")
	}
	var at *exprError
	if errors.As(err, &at) {
		return nil, pointAt(text, at.at, at.msg)
	}
	if err != nil {
		return nil, err
	}
	return &Expr{text: text, root: root, shifts: b.shifts}, nil
}

// Type is the type of the result: bool, int64, float64, large_string, a date or a timestamp.
func (x *Expr) Type() arrow.DataType { return x.root.typ }

// String is the text that x was compiled from.
func (x *Expr) String() string { return x.text }

// exprError is an error at a place of the expression, in characters.
type exprError struct {
	at  int
	msg string
}

func (e *exprError) Error() string { return e.msg }

// pointAt is an error that shows the line of text that character at is in, with a caret under it.
func pointAt(text string, at int, msg string) error {
	const most = 60 // characters shown before the place, and behind it
	chars := []rune(text)
	at = max(0, min(at, len(chars)))
	lo, hi := at, at
	for lo > 0 && chars[lo-1] != '\n' {
		lo--
	}
	for hi < len(chars) && chars[hi] != '\n' {
		hi++
	}
	before, after := "", ""
	if at-lo > most {
		lo, before = at-most, "…"
	}
	if hi-at > most {
		hi, after = at+most, "…"
	}
	line := []rune(before + string(chars[lo:hi]) + after)
	for i, c := range line {
		if c < ' ' {
			line[i] = ' '
		}
	}
	return fmt.Errorf("frame: expression: %s\n  %s\n  %s^", msg, string(line), strings.Repeat(" ", at-lo+len([]rune(before))))
}
