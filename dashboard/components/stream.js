// Text that grows at its end. It is changed in place: the rest of the page is not drawn again for it.
const MOST = 8192;
const KEPT = 4096;

export default {
  template: "<pre></pre>",
  props: { text: String },
  mounted() {
    this.$el.append(document.createTextNode(this.text));
  },
  methods: {
    add(text) {
      const node = this.$el.firstChild;
      node.appendData(text);
      if (node.length > MOST) node.deleteData(0, node.length - KEPT);
    },
    put(text) {
      this.$el.firstChild.data = text;
    },
  },
};
