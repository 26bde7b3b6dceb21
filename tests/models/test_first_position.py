import copy

import pytest
import torch
from transformers import BertConfig, BertModel

from kdops.models.first_position import read_first_position_only


@pytest.fixture
def encoder() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertModel(config, add_pooling_layer=False)


@pytest.mark.parametrize("lengths", [(9, 9, 9), (9, 4, 1), (1, 1, 1)], ids=str)
def test_it_gives_what_the_whole_layer_gives_there(encoder: BertModel, lengths: tuple[int, ...]) -> None:
    short = copy.deepcopy(encoder)
    read_first_position_only(short)
    ids = torch.randint(50, (3, max(lengths)))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    gradients = []
    states = []
    for model in (encoder, short):
        first = model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :1]
        first.square().sum().backward()
        states.append(first)
        gradients.append({name: weights.grad for name, weights in model.named_parameters()})
    assert states[1].shape == (3, 1, 32)
    torch.testing.assert_close(states[1], states[0])
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_its_attention_is_dropped_in_training(encoder: BertModel) -> None:
    encoder.config.attention_probs_dropout_prob = 0.5
    read_first_position_only(encoder)
    ids = torch.randint(50, (1, 9))
    last = encoder.encoder.layer[-1]
    last.attention.self.dropout.p = 0.5
    first, second = (encoder.train()(input_ids=ids).last_hidden_state for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(*(encoder.eval()(input_ids=ids).last_hidden_state for _ in range(2)))
