package ruletest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"brine/internal/config"
)

// Suite is what became of one file of tests.
type Suite struct {
	File    string
	Faults  config.Faults // of the file or its rules: then nothing was run
	Results []Result
}

// Failed counts what is wrong: tests, or the file.
func (s Suite) Failed() int {
	n := 0
	if len(s.Faults) > 0 {
		n++
	}
	for _, r := range s.Results {
		if !r.OK {
			n++
		}
	}
	return n
}

type (
	xmlSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Suites   []xmlSuite `xml:"testsuite"`
	}
	xmlSuite struct {
		Name     string    `xml:"name,attr"`
		Tests    int       `xml:"tests,attr"`
		Failures int       `xml:"failures,attr"`
		Errors   int       `xml:"errors,attr"`
		Cases    []xmlCase `xml:"testcase"`
	}
	xmlCase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		File    string   `xml:"file,attr"`
		Line    int      `xml:"line,attr,omitempty"`
		Failure *xmlFail `xml:"failure"`
		Error   *xmlFail `xml:"error"`
	}
	xmlFail struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes results as the XML that CI servers read. A file that cannot be run counts as one test with an error.
func WriteJUnit(w io.Writer, suites []Suite) error {
	all := xmlSuites{Name: "brine reactor test"}
	for _, s := range suites {
		x := xmlSuite{Name: s.File, Tests: len(s.Results), Cases: []xmlCase{}}
		for _, r := range s.Results {
			c := xmlCase{Name: r.Name, Class: s.File, File: r.File, Line: r.Line}
			if !r.OK {
				x.Failures++
				c.Failure = &xmlFail{Message: r.Failures[0].Msg, Text: r.Text()}
			}
			x.Cases = append(x.Cases, c)
		}
		if len(s.Faults) > 0 {
			x.Tests, x.Errors = x.Tests+1, 1
			x.Cases = append(x.Cases, xmlCase{Name: "load", Class: s.File, File: s.File, Error: &xmlFail{Message: s.Faults[0].Msg, Text: s.Faults.Error()}})
		}
		all.Tests, all.Failures, all.Errors = all.Tests+x.Tests, all.Failures+x.Failures, all.Errors+x.Errors
		all.Suites = append(all.Suites, x)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// Text says what is wrong with a test that failed: each difference with its place, then what the rules decided.
func (r Result) Text() string {
	var b strings.Builder
	for _, f := range r.Failures {
		fmt.Fprintln(&b, f.String())
	}
	if len(r.Got) > 0 {
		fmt.Fprintln(&b, "what the rules decided:")
		for _, line := range r.Got {
			fmt.Fprintln(&b, "  "+line)
		}
	}
	return b.String()
}
