package stages

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

func setValue(v reflect.Value, val any) error {
	if s, ok := v.Addr().Interface().(*Split); ok {
		return s.fromTOML(val)
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := val.(string)
		if !ok {
			return fmt.Errorf("is %v: want a string in quotes", val)
		}
		v.SetString(s)
	case reflect.Int:
		n, ok := val.(int64)
		if !ok {
			return fmt.Errorf("is %v: want a whole number", val)
		}
		v.SetInt(n)
	case reflect.Float64:
		switch x := val.(type) {
		case float64:
			if math.IsNaN(x) {
				return errors.New("is nan: want a number")
			}
			if math.IsInf(x, 0) {
				return fmt.Errorf("is %g: want a finite number", x)
			}
			v.SetFloat(x)
		case int64:
			v.SetFloat(float64(x))
		default:
			return fmt.Errorf("is %v: want a number", val)
		}
	case reflect.Bool:
		b, ok := val.(bool)
		if !ok {
			return fmt.Errorf("is %v: want true or false", val)
		}
		v.SetBool(b)
	case reflect.Interface: // any of them
		switch val.(type) {
		case string, int64, float64, bool:
			v.Set(reflect.ValueOf(val))
		default:
			return fmt.Errorf("is %v: want a string, a number, true or false", val)
		}
	case reflect.Map: // of numbers by whole numbers
		table, ok := val.(map[string]any)
		if !ok {
			return fmt.Errorf("is %v: want a table, as { 10 = 5e-4 }", val)
		}
		v.Set(reflect.MakeMap(v.Type()))
		for k, x := range table {
			n, err := strconv.Atoi(k)
			if err != nil {
				return fmt.Errorf("has the key %q: want whole numbers", k)
			}
			to := reflect.New(v.Type().Elem()).Elem()
			if err := setValue(to, x); err != nil {
				return fmt.Errorf("%s %w", k, err)
			}
			v.SetMapIndex(reflect.ValueOf(n), to)
		}
	case reflect.Slice:
		list, ok := val.([]any)
		if !ok {
			return fmt.Errorf("is %v: want a list of %s", val, example(v.Type()))
		}
		out := reflect.MakeSlice(v.Type(), len(list), len(list))
		for i, e := range list {
			if err := setValue(out.Index(i), e); err != nil {
				return fmt.Errorf("element %d %w", i, err)
			}
		}
		v.Set(out)
	default:
		panic(fmt.Sprintf("stages: config: no rule for %s", v.Type()))
	}
	return nil
}

// example shows a list of type t, as an error does.
func example(t reflect.Type) string {
	switch t.Elem().Kind() {
	case reflect.String:
		return "strings, as [\"a\", \"b\"]"
	case reflect.Slice:
		return "lists, as [[1, 2], [3]]"
	}
	return "numbers, as [1, 2, 3]"
}
