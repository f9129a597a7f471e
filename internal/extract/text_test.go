package extract

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/japanese"
)

func TestPlainText(t *testing.T) {
	t.Parallel()
	text := mustExtract(t, "text/plain; charset=utf-8", "a.txt", []byte("First line\nand second.\r\n\r\n\n  Another\tone, soft\u00adly, e\u0301.\x00\n \nLast"))
	wantOnly(t, text, Block{Paragraph, 0, 0, "First line and second."}, Block{Paragraph, 0, 0, "Another one, softly, é."}, Block{Paragraph, 0, 0, "Last"})
	if text.Pages != 0 {
		t.Errorf("there are %d pages", text.Pages)
	}
	long := mustExtract(t, "application/json", "a.json", []byte(strings.Repeat("{\"a\": 1}\n", 20000)))
	if len(long.Blocks) < 3 || len(long.Blocks[0].Text) < paragraphBytes {
		t.Errorf("there are %d blocks", len(long.Blocks))
	}
	wantOnly(t, mustExtract(t, "text/plain", "a.txt", []byte(" \n\n")))
}

func encodeUTF16(text string, bigEndian bool) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if bigEndian {
			b = append(b, byte(unit>>8), byte(unit))
		} else {
			b = append(b, byte(unit), byte(unit>>8))
		}
	}
	return b
}

func encodeUTF32(text string, bigEndian bool) []byte {
	var b []byte
	for _, r := range text {
		if bigEndian {
			b = append(b, 0, byte(r>>16), byte(r>>8), byte(r))
		} else {
			b = append(b, byte(r), byte(r>>8), byte(r>>16), 0)
		}
	}
	return b
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	const said = "Łódź, straße, naïve: שלום עולם, 招标文件"
	for name, body := range map[string][]byte{
		"UTF-8":                    []byte(said),
		"UTF-8 with a mark":        []byte("\ufeff" + said),
		"UTF-16LE":                 encodeUTF16("\ufeff"+said, false),
		"UTF-16BE":                 encodeUTF16("\ufeff"+said, true),
		"UTF-32LE":                 encodeUTF32("\ufeff"+said, false),
		"UTF-32BE":                 encodeUTF32("\ufeff"+said, true),
		"UTF-8 behind a long head": []byte(strings.Repeat(" ", scanBytes-9) + said),
	} {
		if text := mustExtract(t, "text/plain", name, body); len(text.Blocks) != 1 || text.Blocks[0].Text != said {
			t.Errorf("%s: %+v", name, text)
		}
	}
	inShiftJIS, err := japanese.ShiftJIS.NewEncoder().String("この橋の工事の入札に参加される方は、三月三日までに書類を提出してください。遅れた書類は受け付けません。")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		contentType, body, want string
	}{
		{"text/plain", "Die Stra\xdfe f\xfchrt \xfcber die Br\xfccke; sie ist gesperrt, und alle m\xfcssen au\xdfen herum.", "Die Straße führt über die Brücke; sie ist gesperrt, und alle müssen außen herum."},
		{"text/plain; charset=iso-8859-2", "\xa3\xf3d\xbc", "Łódź"},
		{"text/plain", "\xcf\xf0\xe8\xe3\xeb\xe0\xf8\xe5\xed\xe8\xe5 \xea \xf3\xf7\xe0\xf1\xf2\xe8\xfe \xe2 \xf2\xe5\xed\xe4\xe5\xf0\xe5 \xed\xe0 \xf1\xf2\xf0\xee\xe8\xf2\xe5\xeb\xfc\xf1\xf2\xe2\xee \xec\xee\xf1\xf2\xe0", "Приглашение к участию в тендере на строительство моста"},
		{"text/plain", inShiftJIS, "この橋の工事の入札に参加される方は、三月三日までに書類を提出してください。遅れた書類は受け付けません。"},
		{"text/html", `<meta charset="windows-1250"><p>` + "\xa3\xf3d\x9f", "Łódź"},
	} {
		if text := mustExtract(t, c.contentType, "a", []byte(c.body)); len(text.Blocks) != 1 || text.Blocks[0].Text != c.want {
			t.Errorf("%q: %+v", c.body, text)
		}
	}
	text := mustExtract(t, "text/plain; charset=utf-8", "a", encodeUTF16("English text in UTF-16 that says nowhere that it is", false))
	wantOnly(t, text, Block{Paragraph, 0, 0, "English text in UTF-16 that says nowhere that it is"})
}

func TestCSV(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"comma":     "Lot,Budget,\r\n\"Northern, span\",\"1 \"\"million\"\"\"\r\n,,\r\n",
		"semicolon": "Lot;Budget;\n\"Northern, span\";\"1 \"\"million\"\"\"\n",
		"tab":       "Lot\tBudget\t\n\"Northern, span\"\t\"1 \"\"million\"\"\"\n",
		"pipe":      "Lot|Budget|\n\"Northern, span\"|\"1 \"\"million\"\"\"\n",
		"excel":     "sep=;\nLot;Budget\nNorthern, span;\"1 \"\"million\"\"\"\n",
		"lazy":      "Lot;Budget\nNorthern, span;1 \"million\"\n",
	} {
		text := mustExtract(t, "text/csv", name+".csv", []byte(body))
		wantOnly(t, text, Block{Row, 0, 0, "Lot | Budget"}, Block{Row, 0, 0, `Northern, span | 1 "million"`})
	}
	wantOnly(t, mustExtract(t, "text/plain", "a.tsv", []byte("a,b\tc")), Block{Row, 0, 0, "a,b | c"})
}

func TestHTML(t *testing.T) {
	t.Parallel()
	text := mustExtract(t, "text/html", "a.html", []byte(`<!doctype html><title>Not shown</title><style>p {}</style>
<h1>Tender <em>of</em> the<br>bridge</h1>Bare text
<div>In a box <p>A &amp; B<script>alert(1)</script></p></div>
<ul><li>One<ul><li><p>Two</p></ul></ul>
<template><p>t</p></template><p hidden>h</p><p style="color: red; display : none">d</p><noscript>n</noscript>
<table><tr><th>Lot<th>Budget<tr><td>North<br>span<td></td><td><p>1</p><p>2</p></table>
<table><tr><td><h6>Layout</h6><p>Text</p></td></tr></table>`))
	wantOnly(t, text,
		Block{Heading, 1, 0, "Tender of the bridge"}, Block{Paragraph, 0, 0, "Bare text"}, Block{Paragraph, 0, 0, "In a box"},
		Block{Paragraph, 0, 0, "A & B"}, Block{Item, 0, 0, "One"}, Block{Item, 0, 0, "Two"},
		Block{Row, 0, 0, "Lot | Budget"}, Block{Row, 0, 0, "North span | | 1 2"},
		Block{Heading, 6, 0, "Layout"}, Block{Paragraph, 0, 0, "Text"},
	)
	// What is said to be something else, and is a page that says so.
	wantOnly(t, mustExtract(t, "application/pdf", "a.pdf", []byte("<!DOCTYPE html><h1>Sign in</h1>")), Block{Heading, 1, 0, "Sign in"})
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	text := mustExtract(t, "text/plain", "a.md", []byte("# Tender *of* the bridge\n\nA line\nand `code` &amp; [a link](http://x.example).\n\n- One\n  - Two\n\n| Lot | Budget |\n|---|---|\n| North | 1 |\n\n```\ncode here\n```\n\n<div><p>Raw</p></div>\n"))
	wantOnly(t, text,
		Block{Heading, 1, 0, "Tender of the bridge"}, Block{Paragraph, 0, 0, "A line and code & a link."},
		Block{Item, 0, 0, "One"}, Block{Item, 0, 0, "Two"}, Block{Row, 0, 0, "Lot | Budget"}, Block{Row, 0, 0, "North | 1"},
		Block{Paragraph, 0, 0, "code here"}, Block{Paragraph, 0, 0, "Raw"},
	)
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contentType string
		body        string
		code        Code
	}{
		"empty":      {"application/pdf", "", EmptyFile},
		"picture":    {"image/png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", UnsupportedType},
		"said text":  {"text/plain", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", UnsupportedType},
		"RTF":        {"text/plain", `{\rtf1 text}`, UnsupportedType},
		"no archive": {openXML + "wordprocessingml.document", "not even an archive", Malformed},
		"no PDF":     {"application/pdf", "not a PDF", Malformed},
		"cut PDF":    {"application/pdf", "%PDF-1.7\n", Malformed},
		"bytes":      {"application/octet-stream", "\x01\x02\x00\x03\xff\xfe\x00", UnsupportedType},
	} {
		_, err := extractor(t, "extract", Limits{}).Extract(t.Context(), c.contentType, name, bytes.NewReader([]byte(c.body)))
		if err == nil {
			t.Errorf("%s was read", name)
		}
		wantCode(t, err, c.code, "")
	}
}

func TestSupports(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]bool{
		"application/pdf": true, "text/plain; charset=utf-8": true, "TEXT/CSV": true, openXML + "spreadsheetml.sheet": true, "": true,
		"application/octet-stream": true, "application/json": true, "application/ld+json": true,
		"image/png": false, "image/svg+xml": false, "text/rtf": false, "application/msword": false, "video/mp4": false,
	} {
		if got := Supports(contentType); got != want {
			t.Errorf("%s: %t", contentType, got)
		}
	}
}
