// Package extract reads what files say: their text as blocks in reading order, with pages where the format has them. Files come from
// strangers, so a child process reads them, which can be killed.
package extract

// Kind is what a block is in its document.
type Kind string

// The kinds of blocks.
const (
	Heading   Kind = "heading"
	Paragraph Kind = "paragraph"
	Item      Kind = "item" // of a list
	Row       Kind = "row"  // of a table; its cells are joined by " | "
)

// Block is a piece of text that stands by itself.
type Block struct {
	Kind  Kind   `json:"kind"`
	Level int    `json:"level,omitempty"` // of a heading, 1 to 6
	Page  int    `json:"page,omitempty"`  // from 1; 0 where the format has no pages
	Text  string `json:"text"`            // valid UTF-8 without NUL, never empty, spaces and line breaks joined
}

// Text is what was read of a file.
type Text struct {
	Blocks []Block `json:"blocks"`
	Pages  int     `json:"pages"` // slides and sheets count as pages; 0 where the format has none
}
