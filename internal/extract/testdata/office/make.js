// Writes tender.docx and deck.pptx into the folder that it is given.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as docx from "docx";
import PptxGenJS from "pptxgenjs";

const folder = process.argv[2];
const { Document, Packer, Paragraph, TextRun, HeadingLevel, Table, TableRow, TableCell, FootnoteReferenceRun, PageBreak } = docx;
const cell = (text) => new TableCell({ children: [new Paragraph(text)] });
const change = { id: 1, author: "A. Reviewer", date: "2026-01-02T03:04:05Z" };

const tender = new Document({
  numbering: {
    config: [{ reference: "list", levels: [{ level: 0, format: docx.LevelFormat.BULLET, text: "•" }] }],
  },
  styles: { paragraphStyles: [{ id: "berschrift1", name: "Kapitel", basedOn: "Heading1", next: "Normal" }] },
  footnotes: { 1: { children: [new Paragraph("In euros, without taxes.")] } },
  sections: [
    {
      children: [
        new Paragraph({ text: "Invitation to tender", heading: HeadingLevel.TITLE }),
        new Paragraph({ text: "Scope of the works", heading: HeadingLevel.HEADING_2 }),
        new Paragraph({
          children: [
            new TextRun("The bridge costs a million"),
            new FootnoteReferenceRun(1),
            new TextRun("\tor so, in Łódź."),
            new TextRun({ text: "not shown", vanish: true }),
          ],
        }),
        new Paragraph({ text: "Steel", numbering: { reference: "list", level: 0 } }),
        new Paragraph({
          children: [
            new TextRun("Bids are due in "),
            new docx.DeletedTextRun({ text: "March", ...change }),
            new docx.InsertedTextRun({ text: "April", ...change, id: 2 }),
            new TextRun("."),
          ],
        }),
        new Table({
          rows: [
            new TableRow({ children: [cell("Lot"), cell("Budget"), cell("")] }),
            new TableRow({ children: [cell("Northern span"), cell(""), cell("1,250,000")] }),
          ],
        }),
        new Paragraph({ children: [new PageBreak(), new TextRun("On the second page.")] }),
        new Paragraph({ text: "Bewertung", style: "berschrift1" }),
        new Paragraph({ text: "שלום עולם", bidirectional: true }),
      ],
    },
  ],
});
writeFileSync(join(folder, "tender.docx"), await Packer.toBuffer(tender));

const deck = new PptxGenJS();
deck.defineSlideMaster({
  title: "MASTER",
  objects: [{ placeholder: { options: { name: "title", type: "title", x: 0.5, y: 0.2, w: 9, h: 1 }, text: "" } }],
});
const first = deck.addSlide({ masterName: "MASTER" });
first.addText("Our bid", { placeholder: "title" });
first.addText("We have built 300 bridges in Łódź.", { x: 1, y: 2, w: 8, h: 1 });
first.addText([{ text: "On time", options: { bullet: true } }, { text: "On budget", options: { bullet: true } }], { x: 1, y: 3, w: 8, h: 1 });
first.addNotes("Say this slowly.");
const second = deck.addSlide({ masterName: "MASTER" });
second.addText("Price", { placeholder: "title" });
second.addTable([["Lot", "Price"], ["Northern span", "1,200,000"]], { x: 1, y: 2, w: 8 });
await deck.writeFile({ fileName: join(folder, "deck.pptx") });
