// Text that grows at its end. It changes in place; the rest of the page is not rendered again.
const MOST = 8192;
const KEPT = 4096;

export default {
  template: "<pre></pre>",
  props: { text: String, end: Number },
  mounted() {
    this.at = this.end;
    this.$el.append(document.createTextNode(this.text));
  },
  methods: {
    // `end` is the length of the whole text after this call. A new page may get its first piece twice; the second
    // copy is ignored.
    add(text, end) {
      if (end <= this.at) return;
      const node = this.$el.firstChild;
      node.appendData(text);
      if (node.length > MOST) node.deleteData(0, node.length - KEPT);
      this.at = end;
    },
    put(text, end) {
      this.$el.firstChild.data = text;
      this.at = end;
    },
  },
};
