package stages

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"deeprc/gpu"
)

func TestVisibleGPUs(t *testing.T) {
	nvml := func(n int) (out []gpu.Device) {
		for i := range n {
			out = append(out, gpu.Device{Index: i, UUID: fmt.Sprintf("GPU-%c%[1]c", 'a'+i)})
		}
		return out
	}
	for _, c := range []struct {
		name, env string
		devices   int
		want      string // name:ID
		note      string
	}{
		{"a CPU node", "", 0, "", ""},
		{"a workstation", "", 2, "GPU-aa:GPU-aa GPU-bb:GPU-bb", ""},
		{"limited", "CUDA_VISIBLE_DEVICES=1", 2, "1:GPU-bb", ""},
		{"none", "CUDA_VISIBLE_DEVICES=", 2, "", ""},
		{"none, by number", "CUDA_VISIBLE_DEVICES=0,-1,1", 2, "0:GPU-aa", ""},
		{"none, as Slurm says it", "CUDA_VISIBLE_DEVICES=NoDevFiles", 2, "", ""},
		{"by the beginning of a UUID", "CUDA_VISIBLE_DEVICES=GPU-b,MIG-x", 2, "GPU-b:GPU-bb MIG-x:MIG-x", ""},
		{"Slurm, without NVML", "CUDA_VISIBLE_DEVICES=0,1 SLURM_STEP_GPUS=4,5", 0, "0:0 1:1", ""},
		{"Slurm's step, which nothing limits", "SLURM_STEP_GPUS=1,3 SLURM_JOB_GPUS=0,1,2,3", 4, "1:GPU-bb 3:GPU-dd", ""},
		{"Slurm's step behind a control group", "SLURM_STEP_GPUS=4,5", 2, "GPU-aa:GPU-aa GPU-bb:GPU-bb", ""},
		{"Slurm's job, without NVML", "SLURM_JOB_GPUS=4,5", 0, "4:4 5:5", ""},
		{"one too many", "CUDA_VISIBLE_DEVICES=0,5,1", 2, "0:GPU-aa", "CUDA_VISIBLE_DEVICES=0,5,1, but 5 is none of the 2 GPUs there"},
		{"an unknown UUID", "CUDA_VISIBLE_DEVICES=GPU-z", 2, "", "GPU-z is none of the 2 GPUs"},
	} {
		var devices []gpu.Device
		if c.devices > 0 {
			devices = nvml(c.devices)
		}
		got, note := visibleGPUs(func(name string) (string, bool) {
			for kv := range strings.FieldsSeq(c.env) {
				if v, ok := strings.CutPrefix(kv, name+"="); ok {
					return v, true
				}
			}
			return "", false
		}, devices)
		var list []string
		for _, g := range got {
			list = append(list, g.Name+":"+g.ID)
		}
		if text := strings.Join(list, " "); text != c.want || (note == "") != (c.note == "") || !strings.Contains(note, c.note) {
			t.Errorf("%s: %q, %q, want %q, %q", c.name, text, note, c.want, c.note)
		}
	}
}

// No GPU of a host has two ranks, whatever they see.
func TestShareGPUs(t *testing.T) {
	for _, c := range []struct{ name, ranks, want, note string }{ // host:GPU,GPU
		{"none", "a: a:", " ", ""},
		{"all see the same", "a:0,1,2,3 a:0,1,2,3", "0,1 2,3", ""},
		{"one is left", "a:0,1,2 a:0,1,2", "0 1", ""},
		{"too few", "a:0 a:0 a:0", "0  ", ""},
		{"two hosts", "a:0,1 b:0,1 a:0,1", "0 0,1 1", ""},
		{"each its own, by the job", "a:2 a:3 b:2", "2 3 2", ""},
		{"the same by other names", "a:0=x,1=y a:0=y,1=x", "0 0", ""},
		{"a rank that runs no tasks", "a:0,1:off a:0,1", " 0,1", ""},
		{"each behind a control group", "a:0=x a:0=y", "0 0", ""},
		{"named twice", "a:0,0", "0", ""},
		{"they overlap", "a:0,1 a:1,2", "0,1 2", "ranks 0 and 1 on a both see the GPU 1"},
	} {
		var all []rankGPUs
		for word := range strings.FieldsSeq(c.ranks) {
			parts := strings.Split(word, ":")
			r := rankGPUs{Host: parts[0], Off: len(parts) > 2}
			for g := range strings.SplitSeq(parts[1], ",") {
				name, id, other := strings.Cut(g, "=")
				if !other {
					id = name
				}
				if name != "" {
					r.Sees = append(r.Sees, visibleGPU{name, id})
				}
			}
			all = append(all, r)
		}
		of, notes := shareGPUs(all)
		var got []string
		for _, names := range of {
			got = append(got, strings.Join(names, ","))
		}
		if text := strings.Join(got, " "); text != c.want || strings.Join(notes, "") == "" != (c.note == "") || !strings.Contains(strings.Join(notes, ""), c.note) {
			t.Errorf("%s: %q, %q, want %q, %q", c.name, text, notes, c.want, c.note)
		}
	}
	if _, notes := shareGPUs([]rankGPUs{{Host: "a", Note: "odd"}}); !reflect.DeepEqual(notes, []string{"rank 0 on a: odd"}) {
		t.Errorf("%q", notes)
	}
}
