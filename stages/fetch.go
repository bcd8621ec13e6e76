package stages

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"deeprc/frame"
	"deeprc/inputs"
)

// A Dataset is one entry of inputs/datasets.toml: a public file, where it lies, and how to know that it is the right one.
type Dataset struct {
	Name    string `toml:"name"`
	About   string `toml:"about"`
	File    string `toml:"file"`
	URL     string `toml:"url"`
	Size    int64  `toml:"size"`     // bytes; 0 where not known
	SHA256  string `toml:"sha256"`   // hex; "" where not known
	GitBlob string `toml:"git_blob"` // hex; git's SHA-1 of "blob <size>\0" and the content
	Commit  string `toml:"commit"`   // of the source repository
	Licence string `toml:"licence"`
	Allows  string `toml:"allows"` // what the licence allows, in a line
}

const (
	fetchMaxBytes = 64 << 20         // of a local file, and of a remote one whose size is not known
	fetchStall    = 60 * time.Second // without a byte: give up
)

// Datasets are the entries of the embedded datasets.toml, in its order.
func Datasets() []Dataset {
	text, err := inputs.Files.ReadFile("datasets.toml")
	if err != nil {
		panic(err)
	}
	var list struct {
		Dataset []Dataset `toml:"dataset"`
	}
	md, err := toml.Decode(string(text), &list)
	if err != nil {
		panic(fmt.Sprintf("inputs/datasets.toml: %v", err))
	}
	if keys := md.Undecoded(); len(keys) > 0 {
		panic(fmt.Sprintf("inputs/datasets.toml: unknown key %v", keys[0]))
	}
	return list.Dataset
}

// FetchDataset puts the named dataset's file into the folder to ("data" where empty, made if missing), verified by its
// sha256, or by its git blob id where the sha256 is not known, and returns the file's path.
//
// The file comes from the folder from, or, where from is empty, over HTTPS. A target that is there and right is left
// alone; one that is there and differs is an error. What was verified, and the licence, is told on standard error.
// progress, which may be nil, is told the bytes so far and the total, -1 where that is not known.
func FetchDataset(name, from, to string, progress func(done, total int64)) (path string, err error) {
	list := Datasets()
	var names []string
	for _, d := range list {
		if strings.EqualFold(d.Name, name) {
			f := fetcher{client: fetchClient(http.DefaultTransport), stall: fetchStall, say: os.Stderr, progress: progress}
			return f.fetch(d, from, to)
		}
		names = append(names, d.Name)
	}
	hint := ""
	if near, ok := frame.Nearest(name, names); ok {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return "", configErrorf("fetch: unknown dataset %q%s (known: %s)", name, hint, strings.Join(names, ", "))
}

// fetchClient follows redirects to https only.
func fetchClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != "https" {
			return fmt.Errorf("redirected to %s, which is not https", r.URL)
		}
		if len(via) >= 10 {
			return errors.New("redirected 10 times")
		}
		return nil
	}}
}

// A fetcher gets datasets.
type fetcher struct {
	client   *http.Client
	stall    time.Duration
	say      io.Writer
	progress func(done, total int64)
}

func (f fetcher) fetch(d Dataset, from, to string) (path string, err error) {
	if to == "" {
		to = "data"
	}
	path = filepath.Join(to, d.File)
	switch old, err := readFile(path, fetchMaxBytes); {
	case err == nil:
		how, err := d.verify(old)
		if err != nil {
			return "", fmt.Errorf("fetch %s: %s is there already and differs: %w; move it away, or choose another folder",
				d.Name, path, err)
		}
		fmt.Fprintf(f.say, "%s is there already: %s\n", path, how)
		return path, nil
	case !errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("fetch %s: %w; move it away, or choose another folder", d.Name, err)
	}

	var content []byte
	source := d.URL
	if from != "" {
		source = filepath.Join(from, d.File)
		content, err = readFile(source, fetchMaxBytes)
	} else {
		content, err = f.get(d)
	}
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", d.Name, err)
	}
	how, err := d.verify(content)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %s: %w; nothing was written", d.Name, source, err)
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return "", fmt.Errorf("fetch %s: make the target folder: %w", d.Name, err)
	}
	err = writeAtomic(path, func(w io.Writer) error { _, err := w.Write(content); return err })
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", d.Name, err)
	}
	fmt.Fprintf(f.say, "%s from %s: %s\nlicence %s: %s\n", path, source, how, d.Licence, d.Allows)
	return path, nil
}

// get is the body of d.URL.
func (f fetcher) get(d Dataset) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stalled := fmt.Errorf("no byte for %v", f.stall)
	watch := time.AfterFunc(f.stall, func() { cancel(stalled) })
	defer watch.Stop()
	unreachable := func(err error) error {
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err // without the address, which is named already
		}
		if context.Cause(ctx) == stalled {
			err = stalled
		}
		return fmt.Errorf("cannot get %s: %w; on a machine without internet, copy %s from elsewhere and say --from DIR",
			d.URL, err, d.File)
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, nil)
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme != "https" {
		return nil, fmt.Errorf("%s is not https", d.URL)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %q; if the file has moved, say --from DIR with a copy of it", d.URL, resp.Status)
	}
	total, bound := resp.ContentLength, int64(fetchMaxBytes)
	if d.Size > 0 {
		total, bound = d.Size, d.Size
	}
	var done int64
	body := readerFunc(func(p []byte) (int, error) {
		n, err := resp.Body.Read(p)
		watch.Reset(f.stall)
		done += int64(n)
		if f.progress != nil {
			f.progress(done, total)
		}
		return n, err
	})
	content, err := readBounded(body, bound, d.URL)
	if errors.Is(err, errTooLong) {
		return nil, err
	}
	if err == nil {
		// Cancelling closes the connection; a chunked body may end well in reply to that.
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, unreachable(fmt.Errorf("broken off after %d bytes: %w", done, err))
	}
	return content, nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// verify says in words how the content was found to be the dataset's, or names both sums in an error.
func (d Dataset) verify(content []byte) (how string, err error) {
	size := "" // of what is expected
	if d.Size > 0 {
		size = fmt.Sprintf("%d bytes, ", d.Size)
	}
	if d.SHA256 != "" {
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); got != d.SHA256 {
			return "", fmt.Errorf("%d bytes, sha256 %s, expected %ssha256 %s", len(content), got, size, d.SHA256)
		}
		return fmt.Sprintf("%d bytes, sha256 %s as expected", len(content), d.SHA256), nil
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	if got := hex.EncodeToString(h.Sum(nil)); got != d.GitBlob {
		return "", fmt.Errorf("%d bytes, git blob id %s, expected %sgit blob id %s", len(content), got, size, d.GitBlob)
	}
	return fmt.Sprintf("%d bytes; its sha256 is not known here, so the git blob id %s was checked instead, as expected",
		len(content), d.GitBlob), nil
}
