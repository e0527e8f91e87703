package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is one fenced block of a page.
type block struct {
	lang string
	text string
	line int // of its first line
}

// page is one page of documentation.
type page struct {
	path   string // below the project's folder
	text   string
	prose  string // without the fenced blocks
	blocks []block
}

func readPage(t *testing.T, path string) *page {
	t.Helper()
	p := &page{path: path, text: read(t, path)}
	var prose strings.Builder
	open := -1
	for i, line := range strings.SplitAfter(p.text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open < 0:
			open = len(p.blocks)
			p.blocks = append(p.blocks, block{lang: fence, line: i + 2})
		case isFence:
			open = -1
		case open >= 0:
			p.blocks[open].text += line
		default:
			prose.WriteString(line)
		}
	}
	if open >= 0 {
		t.Errorf("%s: the block that begins on line %d never ends", path, p.blocks[open].line-1)
	}
	p.prose = prose.String()
	return p
}

// pages are all pages: README, docs, examples, and the specifications beside the code.
func pages(t *testing.T) []*page {
	t.Helper()
	var list []*page
	for _, dir := range []string{".", "docs", "examples", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || dir == "." && path != root && filepath.Clean(path) != filepath.Clean(root)) {
				return filepath.SkipDir
			}
			if filepath.Ext(path) == ".md" {
				rel, _ := filepath.Rel(root, path)
				list = append(list, readPage(t, rel))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(list) < 10 {
		t.Fatalf("only %d pages found", len(list))
	}
	return list
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinks(t *testing.T) {
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			path := filepath.Join(filepath.Dir(p.path), to)
			if to == "" {
				path = p.path
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s links to %s, which does not exist", p.path, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(t, path), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", p.path, m[1])
			}
		}
	}
}

// TestGuidesAreFound: README leads to every guide.
func TestGuidesAreFound(t *testing.T) {
	text := read(t, "README.md")
	guides, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || len(guides) < 3 {
		t.Fatalf("guides: %q, %v", guides, err)
	}
	for _, g := range guides {
		if !strings.Contains(text, "(docs/"+filepath.Base(g)+")") {
			t.Errorf("README.md does not link to docs/%s", filepath.Base(g))
		}
	}
}

// anchors are the headings of a page as links name them.
func anchors(t *testing.T, path string) []string {
	var list []string
	for _, line := range strings.Split(readPage(t, path).prose, "\n") {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		name := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		name = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(name, "")
		list = append(list, strings.ReplaceAll(name, " ", "-"))
	}
	return list
}

// fileName is what looks like a file of this project in a page about the code.
var fileName = regexp.MustCompile("`((?:internal|cmd|beacons|states|reactors|docs|examples)/[A-Za-z0-9_./-]*)`")

func TestFilesThatPagesNameExist(t *testing.T) {
	for _, p := range pages(t) {
		for _, m := range fileName.FindAllStringSubmatch(p.prose, -1) {
			_, err := os.Stat(filepath.Join(root, m[1]))
			if _, beside := os.Stat(filepath.Join(root, filepath.Dir(p.path), m[1])); err != nil && beside != nil {
				t.Errorf("%s names %s, which does not exist", p.path, m[1])
			}
		}
	}
}

// goName is a file with a function or type in it, as pages about the code name them: `internal/master/loop.go`: `decide`.
var goName = regexp.MustCompile("`((?:internal|beacons|states|reactors|cmd)/[a-z0-9_/]+\\.go)`: ((?:`[A-Za-z.]+`(?:, )?)+)")

func TestNamesThatPagesPointAtExist(t *testing.T) {
	found := 0
	for _, p := range pages(t) {
		for _, m := range goName.FindAllStringSubmatch(p.prose, -1) {
			text, err := os.ReadFile(filepath.Join(root, m[1]))
			if err != nil {
				continue // told by the test above
			}
			for _, name := range strings.Split(m[2], ", ") {
				name = strings.Trim(name, "`")
				found++
				last := name[strings.LastIndexByte(name, '.')+1:]
				if !regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |const |var |\t)` + last + `\b`).Match(text) {
					t.Errorf("%s says that %s has %s: it has not", p.path, m[1], name)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d names of code found in the pages: are they written `file.go`: `name`?", found)
	}
}

var (
	inline  = regexp.MustCompile("`([^`\n]+)`")
	apart   = regexp.MustCompile(`\||\$\(|;|&&|\)`) // what separates commands in a line
	mention = regexp.MustCompile(`(?:^|\s)brine((?:\s+[a-z]+)+)(.*)`)
	flagged = regexp.MustCompile(`(?:^|\s)(--[a-z-]+)`)
)

// TestCommandsThatPagesNameExist looks up every brine command that stands in a block or in the text, with its flags.
func TestCommandsThatPagesNameExist(t *testing.T) {
	all := tree(t)
	found := 0
	for _, p := range pages(t) {
		var lines []string
		for _, b := range p.blocks {
			if b.lang == "sh" {
				lines = append(lines, strings.Split(b.text, "\n")...)
			}
		}
		for _, m := range inline.FindAllStringSubmatch(p.prose, -1) {
			lines = append(lines, m[1])
		}
		for _, line := range lines {
			if line, _, _ = strings.Cut(line, " # "); !strings.Contains(line, "brine ") || strings.HasPrefix(line, "#") {
				continue
			}
			for _, part := range apart.Split(line, -1) {
				if m := mention.FindStringSubmatch(part); m != nil {
					found++
					checkMention(t, all, p.path, m[1], m[2])
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d commands found in the pages", found)
	}
}

func checkMention(t *testing.T, all map[string]*command, where, words, rest string) {
	t.Helper()
	c := all["brine"]
	for _, word := range strings.Fields(words) {
		sub := all[c.path+" "+word]
		if sub == nil {
			if len(c.subs) > 0 {
				t.Errorf("%s: there is no command %q", where, c.path+" "+word)
			}
			break
		}
		c = sub
	}
	for _, f := range flagged.FindAllStringSubmatch(rest, -1) {
		if !regexp.MustCompile(regexp.QuoteMeta(f[1]) + `\b`).MatchString(c.help) {
			t.Errorf("%s: %s has no flag %s", where, c.path, f[1])
		}
	}
}

// TestMakeTargetsExist looks up the targets that pages name.
func TestMakeTargetsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, p := range pages(t) {
		for _, m := range regexp.MustCompile("(?m)(?:^    |`|^)make ([a-z]+)").FindAllStringSubmatch(p.text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names make %s, and there is no such target", p.path, m[1])
			}
		}
	}
}
