package extract

import (
	"errors"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// readXLSX reads the sheets row by row, with values as they are shown. Each is a page that begins with its name.
func readXLSX(d *document, out *sink) error {
	// excelize believes what sizes the archive says, and reads broken XML up to the break.
	if err := d.archive.check(isSpokenOfSheets); err != nil {
		return err
	}
	book, err := excelize.OpenReader(d.reader(), excelize.Options{
		UnzipSizeLimit: expandedBytesMax, UnzipXMLSizeLimit: expandedBytesMax, // never to a temporary file, which a killed child would leave
	})
	if err != nil {
		return errBroken
	}
	defer book.Close()
	for _, name := range book.GetSheetList() {
		if err := out.turn(); err != nil {
			return err
		}
		if err := out.add(Heading, 1, name); err != nil {
			return err
		}
		if err := readSheet(book, name, out); err != nil {
			return err
		}
	}
	return nil
}

// isSpokenOfSheets tells the parts that a workbook's text comes from.
func isSpokenOfSheets(part string) bool {
	return strings.HasPrefix(part, "xl/worksheets/") && strings.HasSuffix(part, ".xml") || part == "xl/sharedstrings.xml" || part == "xl/workbook.xml" ||
		part == "xl/styles.xml"
}

func readSheet(book *excelize.File, name string, out *sink) error {
	rows, err := book.Rows(name)
	if err != nil {
		if missing := (excelize.ErrSheetNotExist{}); errors.As(err, &missing) {
			return nil // it is listed, but has no rows, as a chart
		}
		return errBroken
	}
	defer rows.Close()
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			return errBroken
		}
		if slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }) {
			if err := out.addRow(cells); err != nil {
				return err
			}
		}
	}
	if rows.Error() != nil {
		return errBroken
	}
	return nil
}
