// Words that change often. They are changed in place: the rest of the page is not built again for them.
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
