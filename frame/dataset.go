package frame

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"deeprc/collective"
)

// listFiles is the files that paths stand for, in the order of paths: a file itself,
// the files that a pattern of [filepath.Glob] matches, sorted, and of a folder all
// files below it that end in one of suffixes, sorted. Names that begin with . or _ are left
// out of folders, as writers mark files that are no data. Rank 0 looks; collective.
func listFiles(c collective.Comm, what string, paths []string, suffixes ...string) ([]string, error) {
	var files []string
	var err error
	if c.Rank() == 0 {
		files, err = findFiles(paths, suffixes)
		if err != nil {
			err = fmt.Errorf("frame: %s: %w", what, err)
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	joined, err := collective.BroadcastBytes(c, []byte(strings.Join(files, "\x00")), 0)
	if err != nil {
		return nil, fmt.Errorf("frame: %s: list files: %w", what, err)
	}
	return strings.Split(string(joined), "\x00"), nil
}

func findFiles(paths, suffixes []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case err == nil && info.IsDir():
			found, err := below(p, suffixes)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("%s: the folder has no file that ends in %s", p, strings.Join(suffixes, " or "))
			}
			files = append(files, found...)
		case err == nil:
			files = append(files, p)
		case strings.ContainsAny(p, "*?["):
			found, gerr := filepath.Glob(p)
			if gerr != nil {
				return nil, fmt.Errorf("%s: %w", p, gerr)
			}
			if len(found) == 0 {
				near, _ := nearestFile(p) // where the folder cannot be listed, none is near
				return nil, fmt.Errorf("%s: no file matches%s", p, near)
			}
			more, err := findFiles(found, suffixes)
			if err != nil {
				return nil, err
			}
			files = append(files, more...)
		default:
			return nil, openError(p, err)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no path is given; name files, folders or patterns in paths")
	}
	return files, nil
}

// below is the files under a folder that end in one of suffixes.
func below(folder string, suffixes []string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		hidden := path != folder && strings.ContainsAny(d.Name()[:1], "._")
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", path, bare(err))
		case hidden && d.IsDir():
			return filepath.SkipDir
		case !hidden && !d.IsDir() && hasSuffix(d.Name(), suffixes):
			files = append(files, path)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

func hasSuffix(name string, suffixes []string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// part is rows lo…hi of a stored unit, a row group or record batch, of a file.
type part struct{ file, unit, lo, hi int }

// agreeOnSchema makes sure that the files this rank has opened have the columns of the
// first file, which rank 0 has opened; collective. The schemas are [describe]d, by file.
func agreeOnSchema(c collective.Comm, what string, files []string, mine map[int]string) error {
	first, err := collective.BroadcastBytes(c, []byte(mine[0]), 0)
	if err != nil {
		return fmt.Errorf("frame: %s: compare schemas: %w", what, err)
	}
	for _, i := range slices.Sorted(maps.Keys(mine)) {
		if mine[i] != string(first) {
			err = fmt.Errorf("frame: %s: %s has other columns than %s: %s", what, files[i], files[0], difference(string(first), mine[i], files[0]))
			break
		}
	}
	return collective.Agree(c, err)
}

// gatherCounts gives all ranks what each rank knows of its share of n files: a list of
// numbers for each. Shares are those of [collective.Share]; collective.
func gatherCounts(c collective.Comm, what string, n int, mine [][]int) ([][]int, error) {
	var flat []int64
	for _, list := range mine {
		flat = append(flat, int64(len(list)))
		for _, v := range list {
			flat = append(flat, int64(v))
		}
	}
	all, _, err := collective.AllGatherV(c, flat)
	if err != nil {
		return nil, fmt.Errorf("frame: %s: count rows: %w", what, err)
	}
	out := make([][]int, 0, n)
	for len(all) > 0 {
		list := make([]int, all[0])
		for i := range list {
			list[i] = int(all[1+i])
		}
		out, all = append(out, list), all[1+len(list):]
	}
	return out, nil
}
