// Text that grows at its end. It is changed in place: the rest of the page is not drawn again for it.
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
    // `end` is how long the whole text is then. A page may begin with what it is sent once more: that is left out.
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
