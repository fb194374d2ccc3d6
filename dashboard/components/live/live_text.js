// Text that changes often. It changes in place; the rest of the page is not rendered again.
export default {
  template: "<component :is='tag'>{{ shown }}</component>",
  props: { words: String, tag: { type: String, default: "span" } },
  data() {
    return { shown: this.words };
  },
  watch: {
    words(words) {
      this.shown = words;
    },
  },
  methods: {
    show(words) {
      this.shown = words;
    },
  },
};
