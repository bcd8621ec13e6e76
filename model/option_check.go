package model

import (
	"fmt"
	"slices"
)

// maxSize bounds layers, units and the like: more is a mistake, and would ask for more memory than there is.
const maxSize = 1 << 20

// size is the error of a number of layers, units or the like that makes no sense.
func size(key string, n int) error {
	if n < 1 || n > maxSize {
		return fmt.Errorf("%s = %d: must be between 1 and %d", key, n, maxSize)
	}
	return nil
}

// sizes is size for a list with one element for each of count stacks.
func sizes(key string, list []int, count int) error {
	if len(list) != count {
		return fmt.Errorf("%s = %v: want %d numbers, one for each stack", key, list, count)
	}
	for _, n := range list {
		if n < 1 || n > maxSize {
			return fmt.Errorf("%s = %v: every number must be between 1 and %d", key, list, maxSize)
		}
	}
	return nil
}

// oneOf is the error of a word that is not among those known.
func oneOf(key, word string, known ...string) error {
	if !slices.Contains(known, word) {
		return fmt.Errorf("%s = %q: want one of %v", key, word, known)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
